import { setTimeout as delay } from 'node:timers/promises';
import { SledgeError } from '@sledge/core';
import { ClientLog, isRpc, runLoad } from '@sledge/lab';
import type { LoadReport, LoadSample, RpcRequest, ScheduledRequest } from '@sledge/lab';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { numberBetween, numberList, wholeBetween } from '../number-options';
import { printJson } from '../output';
import type { CommonOptions } from '../output';
import { mixOf } from './load-classes';
import type { Mix } from './load-classes';
import { addRpcOptions, checkRpcFlags, usage } from './load-rpc';
import type { RpcFlags } from './load-rpc';
import { SampleFile } from './load-samples';
import { printLoadReport } from './print-load';

interface LoadFlags extends CommonOptions, RpcFlags {
  target?: string;
  class?: string[];
  serviceUs?: string[];
  rate?: number[];
  duration?: number;
  connections?: number;
  closed?: true;
  requests: number;
  seed: number;
  lateUs: number;
  timeoutMs: number;
  graceMs: number;
  spinUs: number;
  waiting?: number;
  warmup: number;
  csv?: string;
}

const RATE_DEFAULT = 1000;
const DURATION_DEFAULT_S = 5;
const CONNECTIONS_DEFAULT = 64;
const WAITING_DEFAULT = 100_000;
const CLOSED_RATE = 1e6;
const COOL_DOWN_MS = 200;

export function loadCommand(program: Command): void {
  const again = (value: string, before: string[] = []) => [...before, value];
  const command = program
    .command('load')
    .description(
      'send requests to a server at their times (open loop) and measure what becomes of them',
    )
    .option(
      '--target <url>',
      'server, http:// or erpc://; its path is what is asked, unless there are classes',
    )
    .option(
      '--class <name,share,path[,deadlineUs]>',
      'a class of requests; of RPC a type, type?words in place of the path; repeatable',
      again,
    )
    .option(
      '--service-us <name,share,us[,deadlineUs]>',
      'a class that the hash function at the target serves for this long; repeatable',
      again,
    )
    .option(
      '--rate <list>',
      'requests per second: 1000, or a sweep: 100,200 or 1000..10000/5',
      numberList(0.001, 10_000_000, '--rate'),
    )
    .option('--duration <s>', 'of each rate; default 5', numberBetween(0.001, 86_400, '--duration'))
    .option(
      '--warmup <s>',
      'not counted, at the first rate',
      numberBetween(0, 3600, '--warmup'),
      0.5,
    )
    .option('--connections <n>', 'kept open; default 64', wholeBetween(1, 65_536, '--connections'))
    .option('--closed', 'closed loop: each connection waits for its answer; --requests in all')
    .option(
      '--requests <n>',
      'of a closed loop',
      wholeBetween(1, 100_000_000, '--requests'),
      10_000,
    )
    .option('--seed <n>', 'of arrivals and classes', wholeBetween(0, 2 ** 32 - 1, '--seed'), 1)
    .option('--csv <file>', 'every request as it was, one row each');
  addTimeOptions(command);
  addRpcOptions(command);
  withCommon(command).action(load);
}

function addTimeOptions(command: Command): void {
  command
    .option(
      '--late-us <us>',
      'sent later than this: late',
      numberBetween(0, 1e9, '--late-us'),
      1000,
    )
    .option('--timeout-ms <ms>', 'for an answer', numberBetween(1, 3.6e6, '--timeout-ms'), 10_000)
    .option(
      '--grace-ms <ms>',
      'answers are waited for after the last request',
      numberBetween(0, 3.6e6, '--grace-ms'),
      2_000,
    )
    .option(
      '--spin-us <us>',
      'poll this long before a send time',
      numberBetween(0, 1e6, '--spin-us'),
      50,
    )
    .option(
      '--waiting <n>',
      'may wait for a connection; more are dropped; default 100000, with --conf 0',
      wholeBetween(0, 10_000_000, '--waiting'),
    );
}

async function load(flags: LoadFlags): Promise<void> {
  const target = targetOf(flags);
  checkFlags(flags, target);
  const mix = await mixOf(flags, target);
  const rates = flags.closed === true || mix.durationS !== undefined ? [0] : ratesOf(flags);
  const durationS = mix.durationS ?? flags.duration ?? DURATION_DEFAULT_S;
  const files = new SampleFiles(flags, mix);
  const reports: LoadReport[] = [];
  try {
    const { warmup } = flags;
    if (warmup > 0) await runAt(rates[0] ?? 0, Math.min(warmup, mix.durationS ?? warmup));
    for (const rate of rates) {
      const report = await runAt(rate, durationS, files.takerAt(rate));
      reports.push(report);
      if (flags.json !== true) printLoadReport(report);
      await delay(COOL_DOWN_MS);
    }
  } finally {
    files.close(reports[0]?.durationS);
  }
  if (flags.json === true) printJson({ schema: 'sledge-load/1', seed: flags.seed, runs: reports });

  function runAt(ratePerS: number, lengthS: number, onSample?: (sample: LoadSample) => void) {
    const isClosed = flags.closed === true;
    const drawn = mix.schedule(isClosed ? CLOSED_RATE : ratePerS, isClosed ? Infinity : lengthS);
    const durationUs = lengthS * 1e6;
    return runLoad({
      target,
      rpc: mix.rpc,
      classes: mix.classes,
      schedule: isClosed ? firstOf(drawn, flags.requests) : drawn,
      mode: isClosed ? 'closed-loop' : 'open-loop',
      // A conf says how many requests there are, not when the last of them is due.
      endUs: mix.durationS !== undefined ? undefined : durationUs + (isClosed ? 0 : 500_000),
      connections: isRpc(target) ? mix.sessions : (flags.connections ?? CONNECTIONS_DEFAULT),
      timeoutUs: flags.timeoutMs * 1000,
      graceUs: flags.graceMs * 1000,
      lateUs: flags.lateUs,
      spinUs: flags.spinUs,
      waitingMax: flags.waiting ?? (flags.conf === undefined ? WAITING_DEFAULT : 0),
      onSample,
    });
  }
}

const ratesOf = (flags: LoadFlags): number[] => flags.rate ?? [RATE_DEFAULT];

function targetOf({ target, rpc }: LoadFlags): URL {
  if ((target === undefined) === (rpc === undefined)) throw usage('give --target or --rpc');
  const text = target ?? `erpc://${rpc}`;
  try {
    const url = new URL(text);
    if (url.hostname === '') throw new Error('no host');
    return url;
  } catch {
    const reason = 'it is no URL such as http://127.0.0.1:10010/fib?10 or erpc://127.0.0.1:31850/1';
    throw new SledgeError('SLEDGE_ERR_LOAD_TARGET', { url: text, reason });
  }
}

function checkFlags(flags: LoadFlags, target: URL): void {
  checkRpcFlags(flags, isRpc(target));
  if (isRpc(target) && flags.connections !== undefined) {
    throw usage('RPC has --sessions, not --connections');
  }
  if (flags.conf !== undefined && (flags.closed ?? flags.rate ?? flags.duration) !== undefined) {
    throw usage('--conf has its rates and its time itself, in open loop');
  }
  if (flags.log !== undefined && ratesOf(flags).length > 1) {
    throw usage('--log is of one rate');
  }
}

/** The order in which Poisson arrivals would come; a closed loop looks at nothing else. */
function* firstOf(drawn: Iterable<ScheduledRequest>, count: number): Generator<ScheduledRequest> {
  let left = count;
  for (const request of drawn) {
    if (left === 0) return;
    left -= 1;
    yield request;
  }
}

/** What becomes of each request, in the files that were asked for. */
class SampleFiles {
  private readonly csv: SampleFile | undefined;
  private readonly log: ClientLog | undefined;

  constructor({ csv, log, closed }: LoadFlags, { classes }: Mix) {
    const types = classes.map(({ request }) => (request as RpcRequest).requestType);
    if (csv !== undefined) this.csv = new SampleFile(csv, classes);
    if (log !== undefined) this.log = new ClientLog(log, types, closed !== true);
  }

  takerAt(rate: number): (sample: LoadSample) => void {
    const row = this.csv?.rowOf(rate);
    return (sample) => {
      row?.(sample);
      this.log?.add(sample);
    };
  }

  /** @param durationS of the run that the log is of; undefined: it failed */
  close(durationS: number | undefined): void {
    this.csv?.close();
    this.log?.close(durationS);
  }
}
