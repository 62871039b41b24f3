import { SledgeError } from '@sledge/core';
import { median } from '../statistics';
import { LatencyHistogram } from '../statistics';
import { runLoad } from './run-load';

/** Service time that a round of the `hash` function takes, on one server. */
export interface Calibration {
  readonly path: string;
  readonly nsPerRound: number;
  /** Latency of a request that does no rounds. */
  readonly emptyUs: number;
}

const ROUNDS_FIRST = 20_000;
const ROUNDS_MAX = 100_000_000;
/** A longer one has more stalls of the machine in it, a shorter one more of the network. */
const WANTED_US = 2000;
const REQUESTS = 40;
const REPEATS = 5;

/**
 * Measures how long a round of `hash` takes, on the spot: the latency of long requests beyond that
 * of empty ones, one request at a time; the least of each batch, because stalls only add, and the
 * median over the batches.
 * @param path with `{n}` where the number of rounds goes, such as /hash?{n}
 * @throws SledgeError SLEDGE_ERR_LOAD_CALIBRATION, and what `runLoad` throws
 */
export async function calibrateHash(target: URL, path: string): Promise<Calibration> {
  let rounds = ROUNDS_FIRST;
  const emptyUs = await leastUs(target, path, 0);
  for (;;) {
    const addedUs = (await leastUs(target, path, rounds)) - emptyUs;
    if (addedUs >= WANTED_US / 2) break;
    rounds *= addedUs <= WANTED_US / 20 ? 10 : WANTED_US / addedUs;
    rounds = Math.round(rounds);
    if (rounds > ROUNDS_MAX) {
      const reason = 'more rounds take no more time';
      throw new SledgeError('SLEDGE_ERR_LOAD_CALIBRATION', { path, reason });
    }
  }
  const slopes: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const empty = await leastUs(target, path, 0);
    slopes.push(((await leastUs(target, path, rounds)) - empty) / rounds);
  }
  return { path, nsPerRound: median(slopes) * 1000, emptyUs };
}

async function leastUs(target: URL, path: string, rounds: number): Promise<number> {
  const latency = new LatencyHistogram();
  let failed = '';
  await runLoad({
    target,
    classes: [{ name: 'calibration', request: { path } }],
    schedule: Array.from({ length: REQUESTS }, () => ({ atNs: 0, type: 0, argument: rounds })),
    mode: 'closed-loop',
    connections: 1,
    endUs: 60_000_000,
    onSample: ({ outcome, status, sentNs, endNs }) => {
      if (outcome === 'answered' && status === 200) latency.record(endNs - sentNs);
      else failed = outcome === 'answered' ? `status ${status}` : outcome;
    },
  });
  if (failed === '') return latency.min / 1000;
  throw new SledgeError('SLEDGE_ERR_LOAD_CALIBRATION', { path, reason: failed });
}

/** Rounds of `hash` that take this service time; at least 1. */
export function roundsFor({ nsPerRound }: Calibration, serviceUs: number): number {
  return Math.min(2 ** 32 - 1, Math.max(1, Math.round((serviceUs * 1000) / nsPerRound)));
}
