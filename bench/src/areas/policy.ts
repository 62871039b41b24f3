import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure, median } from '../figure';
import type { Figure } from '../figure';
import { livePolicy } from './policy-live';

const run = promisify(execFile);
const WORKERS = [1, 8, 64, 1024];
const QUEUED = [10, 1000, 100_000];
/** Filling such a queue takes as long as all the rest; `--quick` leaves it out. */
const QUICK_SIZE_MAX = 8 * 100_000;

/** Each with the scheduler that it is for. */
const DISPATCHERS: readonly (readonly [string, string])[] = [
  ['global-queue', 'fifo'],
  ['rr', 'edf'],
  ['jsq', 'edf'],
  ['lld', 'edf'],
  ['edf-interrupt', 'edf'],
  ['shinjuku', 'fifo'],
  ['darc', 'fifo'],
];

async function decisionNs(
  context: BenchContext,
  [dispatcher, scheduler]: readonly [string, string],
  workers: number,
  queued: number,
): Promise<number> {
  const program = join(context.root, 'build/native/src/core/test/policy_bench');
  const decisions = workers > 64 ? 640 : 6400;
  const sizes = [workers, queued, decisions].map(String);
  const policies = [`dispatch-${dispatcher}`, `sched-${scheduler}`];
  const { stdout } = await run(program, [...policies, ...sizes]);
  return (JSON.parse(stdout) as { decision_ns: number }).decision_ns;
}

/** Least squares of y over x: the correlation says which form of growth fits better. */
function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const sum = (f: (i: number) => number) => x.reduce((total, _, i) => total + f(i), 0);
  const covariance = sum((i) => ((x[i] ?? 0) - mx) * ((y[i] ?? 0) - my));
  const spread = sum((i) => ((x[i] ?? 0) - mx) ** 2) * sum((i) => ((y[i] ?? 0) - my) ** 2);
  return spread === 0 ? 0 : covariance / Math.sqrt(spread);
}

/** The growth with the queue at 8 workers, in words. */
function growth(times: readonly number[]): string {
  const exponent = Math.log((times.at(-1) ?? 1) / (times[0] ?? 1)) / Math.log(100_000 / 10);
  const logarithmic = correlation(QUEUED.map(Math.log), times);
  const linear = correlation(QUEUED, times);
  const fit = `r ${logarithmic.toFixed(2)} with log, ${linear.toFixed(2)} with the length`;
  return `${times.map((t) => t.toFixed(0)).join(', ')} ns; ~ queue^${exponent.toFixed(2)}; ${fit}`;
}

/** What a native dispatcher's decision costs: the arrival of a request while all workers run. */
export const policyArea: BenchArea = {
  name: 'policy',
  summary: 'time of a decision by dispatcher, workers and queued requests, in ns',
  async run(context) {
    const rounds = context.quick ? 1 : 5;
    const figures: Figure[] = [];
    for (const policies of DISPATCHERS) {
      const ofEightWorkers: number[] = [];
      for (const workers of WORKERS) {
        for (const queued of QUEUED) {
          if (context.quick && workers * queued > QUICK_SIZE_MAX) continue;
          const samples: number[] = [];
          for (let round = 0; round < rounds; round += 1) {
            samples.push(await decisionNs(context, policies, workers, queued));
          }
          if (workers === 8) ofEightWorkers.push(median(samples));
          figures.push(figure(`decision_${policies[0]}_w${workers}_q${queued}`, 'ns', samples));
        }
      }
      context.note(
        `${policies[0]}, 8 workers, ${QUEUED.join(', ')} queued: ${growth(ofEightWorkers)}`,
      );
    }
    return [...figures, ...(await livePolicy(context))];
  },
};
