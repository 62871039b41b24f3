import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runGenerator } from './generator-process';
import { readSamples } from './outcomes';
import type { LoadSample } from './outcomes';
import { protocolOf } from './protocol';
import type { HttpRequest } from './request-text';
import type { RpcLoadOptions, RpcRequest } from './rpc-request';
import { writeSchedule } from './schedule';
import type { ScheduledRequest } from './schedule';
import { LoadSummary } from './summarise';
import type { ClassReport, Distribution, LoadCounts, SeriesPoint } from './summarise';

/** Of the target's protocol. */
export type LoadRequest = HttpRequest | RpcRequest;

/** One class of requests. */
export interface LoadClass {
  readonly name: string;
  readonly request: LoadRequest;
  /**
   * Service time of a request by its argument, microseconds; undefined: what the answer of an RPC
   * tells.
   */
  readonly serviceUs?: ((argument: number) => number) | undefined;
  /** Relative deadline by its argument, microseconds; undefined: none. */
  readonly deadlineUs?: ((argument: number) => number) | undefined;
}

export interface LoadOptions {
  /** http: or erpc: */
  readonly target: URL;
  readonly rpc?: RpcLoadOptions | undefined;
  readonly classes: readonly LoadClass[];
  /** In order of time. For a closed loop only their order counts. */
  readonly schedule: Iterable<ScheduledRequest>;
  /** Default open-loop. */
  readonly mode?: 'open-loop' | 'closed-loop' | undefined;
  /** Of eRPC: sessions. Default 64. */
  readonly connections?: number | undefined;
  /** No answer within this: timed out. Default 10,000,000. */
  readonly timeoutUs?: number | undefined;
  /** Sent later than this after its time: counted as late. Default 1000. */
  readonly lateUs?: number | undefined;
  /** How long answers are waited for after the last request. Default 2,000,000. */
  readonly graceUs?: number | undefined;
  /** Nothing is sent after this. Default: half a second after the last request is due. */
  readonly endUs?: number | undefined;
  /** This long before a send time the generator polls instead of sleeping. Default 50. */
  readonly spinUs?: number | undefined;
  /** Requests that may wait for a free connection; more are dropped. Default 100,000. */
  readonly waitingMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Every sample, in the order of the schedule, after the run. */
  readonly onSample?: ((sample: LoadSample) => void) | undefined;
}

export interface LoadReport {
  /** A closed loop's latencies hide the waiting of clients: never compare them with open ones. */
  mode: 'open-loop' | 'closed-loop';
  target: string;
  durationS: number;
  /** Requests per second that were planned; closed loop: that were sent. */
  offeredRps: number;
  answeredRps: number;
  /** Good answers (2xx, or completed) within their deadline, per second. */
  goodputRps: number;
  connects: number;
  counts: LoadCounts;
  latencyUs: Distribution;
  /** Of all classes with a known service time. */
  slowdown?: Distribution | undefined;
  /** How far behind its schedule the generator itself was. */
  sendLagUs: Distribution;
  classes: ClassReport[];
  series: SeriesPoint[];
}

const NS_PER_US = 1000;

/**
 * Sends a schedule of HTTP/1.1 requests, or of RPCs, from a native process of its own, and reports.
 * @throws SledgeError SLEDGE_ERR_LOAD_TARGET, SLEDGE_ERR_LOAD_FAILED, SLEDGE_ERR_NATIVE_MISSING
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-load-'));
  try {
    return await runIn(folder, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, options: LoadOptions): Promise<LoadReport> {
  const { mode = 'open-loop', lateUs = 1000, graceUs = 2_000_000 } = options;
  const scheduleFile = path.join(folder, 'schedule');
  const resultsFile = path.join(folder, 'results');
  const { lastNs } = writeSchedule(scheduleFile, options.schedule);
  const endNs = (options.endUs ?? lastNs / NS_PER_US + 500_000) * NS_PER_US;
  const { connects } = await runGenerator({
    target: options.target,
    mode,
    connections: options.connections ?? 64,
    rpc: options.rpc ?? {},
    waitingMax: options.waitingMax ?? 100_000,
    timeoutNs: (options.timeoutUs ?? 10_000_000) * NS_PER_US,
    endNs,
    graceNs: graceUs * NS_PER_US,
    spinNs: (options.spinUs ?? 50) * NS_PER_US,
    scheduleFile,
    resultsFile,
    requests: options.classes.map(({ request }) => request),
    signal: options.signal,
  });
  const isOpen = mode === 'open-loop';
  const settings = {
    protocol: protocolOf(options.target),
    isOpen,
    lateNs: lateUs * NS_PER_US,
    durationNs: isOpen ? lastNs : endNs,
  };
  const summary = new LoadSummary(options.classes, settings);
  let lastEndNs = 0;
  readSamples(scheduleFile, resultsFile, (sample) => {
    if (sample.outcome === 'answered') lastEndNs = Math.max(lastEndNs, sample.endNs);
    summary.add(sample);
    options.onSample?.(sample);
  });
  const durationS = Math.max(1, isOpen ? Math.max(lastNs, lastEndNs) : lastEndNs) / 1e9;
  return reportOf(summary, { mode, target: options.target.href, durationS, connects, lastNs });
}

function reportOf(
  summary: LoadSummary,
  run: Pick<LoadReport, 'mode' | 'target' | 'durationS' | 'connects'> & { lastNs: number },
): LoadReport {
  const { counts } = summary;
  const { lastNs, ...facts } = run;
  const plannedS = run.mode === 'open-loop' ? Math.max(1, lastNs) / 1e9 : run.durationS;
  return {
    ...facts,
    offeredRps: counts.planned / plannedS,
    answeredRps: counts.answered / run.durationS,
    goodputRps: summary.inTime / run.durationS,
    counts,
    latencyUs: summary.latencyUs,
    slowdown: summary.slowdown,
    sendLagUs: summary.sendLagUs,
    classes: summary.classReports(),
    series: summary.seriesPoints(),
  };
}
