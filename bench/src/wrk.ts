import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface LoadResult {
  requests: number;
  requestsPerSecond: number;
  /** Median latency. */
  p50Us: number;
}

const UNIT_TO_US: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000 };

function capture(output: string, pattern: RegExp): [string, string] {
  const match = pattern.exec(output);
  if (match === null) throw new Error(`wrk said: ${output}`);
  return [match[1] ?? '', match[2] ?? ''];
}

export interface LoadOptions {
  /** On which wrk runs; undefined: on any. */
  core?: number;
  /** A Lua file that makes the requests; undefined: each is GET of the URL. */
  script?: string;
}

/**
 * Closed-loop load by one wrk thread.
 * @throws Error when any answer was not 2xx or a connection failed: such a figure means nothing.
 */
export async function load(
  url: string,
  connections: number,
  durationS: number,
  { core, script }: LoadOptions = {},
): Promise<LoadResult> {
  const requests = script === undefined ? [] : ['-s', script];
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${durationS}s`, '--latency', ...requests, url];
  const pinned = core === undefined ? wrk : ['taskset', '-c', String(core), ...wrk];
  const { stdout } = await run(pinned[0] ?? 'wrk', pinned.slice(1));
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`failed answers: ${stdout}`);
  const [p50, unit] = capture(stdout, /50%\s+([\d.]+)(us|ms|s)\b/);
  return {
    requests: Number(capture(stdout, /(\d+) requests in/)[0]),
    requestsPerSecond: Number(capture(stdout, /Requests\/sec:\s+([\d.]+)/)[0]),
    p50Us: Number(p50) * (UNIT_TO_US[unit] ?? Number.NaN),
  };
}
