import { closeSync, openSync, writeSync } from 'node:fs';

/** One request that is to be sent at its time, whatever becomes of the others. */
export interface ScheduledRequest {
  /** Integer ns since the start; never before the one before it. */
  readonly atNs: number;
  /** Index of its class. */
  readonly type: number;
  /** Number that goes into the text of the request; below 2^32. */
  readonly argument: number;
}

const RECORD_BYTES = 16;
const BUFFER_RECORDS = 4096;

/**
 * Writes a schedule for the native generator, a block at a time.
 * @returns how many requests, and when the last one is due
 */
export function writeSchedule(
  file: string,
  requests: Iterable<ScheduledRequest>,
): { count: number; lastNs: number } {
  const out = openSync(file, 'wx', 0o600);
  const buffer = Buffer.alloc(RECORD_BYTES * BUFFER_RECORDS);
  let at = 0;
  let count = 0;
  let lastNs = 0;
  try {
    for (const { atNs, type, argument } of requests) {
      buffer.writeBigUInt64LE(BigInt(Math.round(atNs)), at);
      buffer.writeUInt32LE(type, at + 8);
      buffer.writeUInt32LE(argument, at + 12);
      at += RECORD_BYTES;
      count += 1;
      lastNs = atNs;
      if (at === buffer.length) at -= writeSync(out, buffer, 0, at);
    }
    if (at > 0) writeSync(out, buffer, 0, at);
  } finally {
    closeSync(out);
  }
  return { count, lastNs };
}
