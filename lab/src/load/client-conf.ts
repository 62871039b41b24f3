import { readFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import { seededRandom, seedFor } from '@sledge/core/host';
import type { LoadClass } from './run-load';
import type { ScheduledRequest } from './schedule';

/** Requests of one client thread: one type at one rate. */
export interface ConfThread {
  readonly requestType: number;
  readonly ratePerS: number;
  readonly parameter: number;
}

/** What a SLEdgeScale client conf asks for. */
export interface ClientConf {
  readonly testMs: number;
  /** The server's Rpcs; each client thread has a session with each. */
  readonly serverThreads: number;
  /** NULs make each message as long as this; 0: as long as its digits. */
  readonly requestBytes: number;
  /** Longest answer; undefined: any. */
  readonly responseBytes: number | undefined;
  readonly threads: readonly ConfThread[];
}

interface Line {
  line: number;
  values: number[];
}

interface Key {
  list?: true;
  whole?: false;
  low: number;
  high: number;
}

const RATE_MAX = 10_000_000;
const COUNT: Key = { low: 0, high: 2 ** 32 - 1 };
/** Of the client's command line. Those that the last lines name change nothing here. */
const KEYS: Readonly<Record<string, Key>> = {
  test_ms: { low: 1, high: 86_400_000 },
  num_server_threads: { low: 1, high: 255 },
  req_size: { low: 0, high: 7_903_368 },
  resp_size: { low: 1, high: 1024 },
  req_type: { list: true, low: 0, high: 254 },
  rps: { list: true, whole: false, low: 0.001, high: RATE_MAX },
  req_parameter: { ...COUNT, list: true },
  window_size: { low: 1, high: 32 },
  sm_verbose: { low: 0, high: 1 },
  num_processes: { low: 1, high: 255 },
  process_id: { low: 0, high: 254 },
  numa_node: { low: 0, high: 7 },
  numa_0_ports: { list: true, low: 0, high: 15 },
  numa_1_ports: { list: true, low: 0, high: 15 },
  warmup_rps: { ...COUNT, list: true },
  warmup_count: COUNT,
};

/**
 * Reads a conf of SLEdgeScale's open-loop client: a flag of its command line on each line.
 * @throws SledgeError SLEDGE_ERR_LOAD_CONF with file and line
 */
export function readClientConf(path: string): ClientConf {
  const lines = readLines(path).map((text) => text.replace(/#.*$/, '').trim());
  const found = new Map<string, Line>();
  lines.forEach((text, at) => {
    if (text === '') return;
    const wrong = (reason: string) => confError(path, at + 1, reason);
    const match = /^(?:--?)?([a-z]\w*)(?:\s*=\s*|\s+|$)(.*)$/.exec(text);
    if (match === null) throw wrong(`"${text}" is not --key value`);
    const [, key = '', value = ''] = match;
    if (!Object.hasOwn(KEYS, key)) throw wrong(`there is no key ${key}`);
    if (found.has(key)) throw wrong(`${key} is there a second time`);
    found.set(key, { line: at + 1, values: valuesOf(key, value, wrong) });
  });
  return confOf(found, (line, reason) => confError(path, line, reason), lines.length);
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split(/\r?\n/);
  } catch (error) {
    throw confError(path, 1, error instanceof Error ? error.message : String(error));
  }
}

function confError(path: string, line: number, reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_LOAD_CONF', { path, line, reason });
}

function valuesOf(key: string, text: string, wrong: (reason: string) => SledgeError): number[] {
  const { list = false, whole = true, low, high } = KEYS[key] as Key;
  const unquoted = text.replace(/^(["'])(.*)\1$/, '$2').trim();
  if (unquoted === '' && key.startsWith('numa_')) return [];
  const parts = list ? unquoted.split(',') : [unquoted];
  return parts.map((part) => {
    const value = /^\s*$/.test(part) ? NaN : Number(part);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    const kind = whole ? 'a whole number' : 'a number';
    throw wrong(`${key} is ${kind} from ${low} to ${high}; this is "${part.trim()}"`);
  });
}

function confOf(
  found: ReadonlyMap<string, Line>,
  wrong: (line: number, reason: string) => SledgeError,
  lastLine: number,
): ClientConf {
  const needed = (key: string): Line => {
    const line = found.get(key);
    if (line === undefined) throw wrong(lastLine, `${key} is needed, and not there`);
    return line;
  };
  const first = (key: string): number | undefined => found.get(key)?.values[0];
  const [testMs = 0] = needed('test_ms').values;
  const rates = needed('rps');
  const types = needed('req_type');
  const parameters = needed('req_parameter');
  if (types.values.length !== rates.values.length) {
    const counts = `${types.values.length} types for ${rates.values.length} rates`;
    throw wrong(types.line, `${counts}: each client thread has one of both`);
  }
  const requestBytes = first('req_size') ?? 0;
  const threads = rates.values.map((ratePerS, at) => {
    const requestType = types.values[at] ?? 0;
    const parameter = parameters.values[requestType - 1];
    if (parameter === undefined) {
      throw wrong(parameters.line, `there is no parameter number ${requestType}, for this type`);
    }
    if (requestBytes > 0 && String(parameter).length > requestBytes) {
      const line = found.get('req_size')?.line ?? lastLine;
      throw wrong(line, `${parameter} does not fit into ${requestBytes} bytes`);
    }
    return { requestType, ratePerS, parameter };
  });
  const serverThreads = first('num_server_threads') ?? 1;
  return { testMs, serverThreads, requestBytes, responseBytes: first('resp_size'), threads };
}

/** A class for each client thread. */
export function confClasses({ threads, requestBytes }: ClientConf): LoadClass[] {
  return threads.map(({ requestType, parameter }, at) => ({
    name: `thread ${at}, type ${requestType}`,
    request: { requestType, text: String(parameter), paddedBytes: requestBytes },
  }));
}

/**
 * Each thread sends test_ms x rps requests with exponential gaps, from a stream of its own.
 * @param share of the test's length, for warming up
 */
export function* confSchedule(
  { threads, testMs }: ClientConf,
  seed: number,
  share = 1,
): Generator<ScheduledRequest> {
  const lanes = threads.map(({ ratePerS, parameter }, type) => ({
    type,
    argument: parameter,
    left: Math.max(1, Math.round((testMs / 1000) * ratePerS * share)),
    meanNs: 1e9 / ratePerS,
    random: seededRandom(seedFor(seed, `thread ${type}`)),
    atNs: 0,
  }));
  const step = (lane: (typeof lanes)[number]): void => {
    lane.atNs -= Math.log(1 - lane.random()) * lane.meanNs;
  };
  lanes.forEach(step);
  for (;;) {
    const alive = lanes.filter(({ left }) => left > 0);
    const [head, ...others] = alive;
    if (head === undefined) return;
    const next = others.reduce((least, lane) => (lane.atNs < least.atNs ? lane : least), head);
    yield { atNs: Math.round(next.atNs), type: next.type, argument: next.argument };
    next.left -= 1;
    step(next);
  }
}
