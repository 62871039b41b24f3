import { SledgeError } from '@sledge/core';
import { median } from '../statistics';
import { LatencyHistogram } from '../statistics';
import { protocolOf } from './protocol';
import { requestOf } from './rpc-request';
import { runLoad } from './run-load';
import type { LoadOptions } from './run-load';

/** The server that is measured. */
type Server = Pick<LoadOptions, 'target' | 'rpc'>;

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
/** A core computes faster the longer it is busy: what is long is measured by what is long. */
const WANTED_US_MAX = 20_000;
const REQUESTS = 40;
const REPEATS = 5;

/**
 * Measures how long a round of `hash` takes, on the spot: the latency of long requests beyond that
 * of empty ones, one request at a time; the least of each batch, because stalls only add, and the
 * median over the batches.
 * @param path with `{n}` where the number of rounds goes, such as /hash?{n}, or 3?{n} of an RPC
 * @param serviceUs about as long as what will be sent; taken within 2,000 to 20,000
 * @throws SledgeError SLEDGE_ERR_LOAD_CALIBRATION, and what `runLoad` throws
 */
export async function calibrateHash(
  server: Server,
  path: string,
  serviceUs = WANTED_US,
): Promise<Calibration> {
  const wantedUs = Math.min(WANTED_US_MAX, Math.max(WANTED_US, serviceUs));
  let rounds = ROUNDS_FIRST;
  const emptyUs = await leastUs(server, path, 0);
  for (;;) {
    const addedUs = (await leastUs(server, path, rounds)) - emptyUs;
    if (addedUs >= wantedUs / 2) break;
    rounds *= addedUs <= wantedUs / 20 ? 10 : wantedUs / addedUs;
    rounds = Math.round(rounds);
    if (rounds > ROUNDS_MAX) {
      const reason = 'more rounds take no more time';
      throw new SledgeError('SLEDGE_ERR_LOAD_CALIBRATION', { path, reason });
    }
  }
  const slopes: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const empty = await leastUs(server, path, 0);
    slopes.push(((await leastUs(server, path, rounds)) - empty) / rounds);
  }
  return { path, nsPerRound: median(slopes) * 1000, emptyUs };
}

async function leastUs(server: Server, path: string, rounds: number): Promise<number> {
  const latency = new LatencyHistogram();
  const protocol = protocolOf(server.target);
  let failed = '';
  await runLoad({
    ...server,
    classes: [{ name: 'calibration', request: requestOf(server.target, path) }],
    schedule: Array.from({ length: REQUESTS }, () => ({ atNs: 0, type: 0, argument: rounds })),
    mode: 'closed-loop',
    connections: 1,
    rpc: { ...server.rpc, outstanding: 1 },
    endUs: 60_000_000,
    onSample: ({ outcome, status, sentNs, endNs }) => {
      const isGood = outcome === 'answered' && protocol.isSuccess(status);
      if (isGood) latency.record(endNs - sentNs);
      else failed = outcome === 'answered' ? `status ${protocol.nameOf(status)}` : outcome;
    },
  });
  if (failed === '') return latency.min / 1000;
  throw new SledgeError('SLEDGE_ERR_LOAD_CALIBRATION', { path, reason: failed });
}

/** Rounds of `hash` that take this service time; at least 1. */
export function roundsFor({ nsPerRound }: Calibration, serviceUs: number): number {
  return Math.min(2 ** 32 - 1, Math.max(1, Math.round((serviceUs * 1000) / nsPerRound)));
}
