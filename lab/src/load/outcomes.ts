import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** How a scheduled request ended; by number as native/src/load/plan.hpp writes it. */
export const LOAD_OUTCOMES = [
  'neverSent',
  'answered',
  'dropped',
  'closed',
  'refused',
  'timedOut',
  'malformed',
  'unanswered',
] as const;

/**
 * - `neverSent`: the run ended before its turn
 * - `dropped`: no connection was free, and as many waited as may
 * - `closed`: the connection or session ended before the whole answer
 * - `refused`: no connection or session could be made
 * - `timedOut`: no whole answer within the limit
 * - `malformed`: what came is not HTTP/1.1, or not in the server's responseFormat
 * - `unanswered`: sent, and the run ended before its answer
 */
export type LoadOutcome = (typeof LOAD_OUTCOMES)[number];

/** What became of one scheduled request. Times in ns since the start of the run. */
export interface LoadSample {
  readonly index: number;
  readonly atNs: number;
  readonly type: number;
  readonly argument: number;
  /** 0 when it never was sent. */
  readonly sentNs: number;
  readonly endNs: number;
  /** As the answer of an RPC tells; 0: it tells nothing. */
  readonly serviceNs: number;
  /** Of HTTP; of an RPC the number of its error, 0: completed. */
  readonly status: number;
  readonly bodyBytes: number;
  readonly outcome: LoadOutcome;
}

const SCHEDULED_BYTES = 16;
const RESULT_BYTES = 32;
const AT_ONCE = 4096;

/** Reads both files of a run side by side, in order, with bounded memory. */
export function readSamples(
  scheduleFile: string,
  resultsFile: string,
  visit: (sample: LoadSample) => void,
): void {
  const schedule = openSync(scheduleFile, 'r');
  const results = openSync(resultsFile, 'r');
  try {
    const count = fstatSync(results).size / RESULT_BYTES;
    const asked = Buffer.alloc(AT_ONCE * SCHEDULED_BYTES);
    const became = Buffer.alloc(AT_ONCE * RESULT_BYTES);
    for (let first = 0; first < count; first += AT_ONCE) {
      const some = Math.min(AT_ONCE, count - first);
      readSync(schedule, asked, 0, some * SCHEDULED_BYTES, first * SCHEDULED_BYTES);
      readSync(results, became, 0, some * RESULT_BYTES, first * RESULT_BYTES);
      for (let at = 0; at < some; at += 1) visit(sampleAt(first + at, at, asked, became));
    }
  } finally {
    closeSync(schedule);
    closeSync(results);
  }
}

function sampleAt(index: number, at: number, asked: Buffer, became: Buffer): LoadSample {
  const a = at * SCHEDULED_BYTES;
  const b = at * RESULT_BYTES;
  return {
    index,
    atNs: wide(asked, a),
    type: asked.readUInt32LE(a + 8),
    argument: asked.readUInt32LE(a + 12),
    sentNs: wide(became, b),
    endNs: wide(became, b + 8),
    serviceNs: wide(became, b + 16),
    bodyBytes: became.readUInt32LE(b + 24),
    status: became.readUInt16LE(b + 28),
    outcome: LOAD_OUTCOMES[became.readUInt8(b + 30)] ?? 'neverSent',
  };
}

/** Times stay far below 2^53 ns. */
const wide = (from: Buffer, at: number): number =>
  from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 2 ** 32;
