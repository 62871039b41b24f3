import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure, median } from '../figure';
import type { Figure } from '../figure';
import { buildModule } from '../sledge';
import { slowdownInVirtualTime } from './slowdown-virtual';

const run = promisify(execFile);
const SEGMENTS_MIN = 10;

interface Row {
  name: string;
  /** p99 of one clean segment of 200 ms each. */
  samples: number[];
  discarded: number;
  sent: number;
  late: number;
  dropped: number;
  neverSent: number;
  longP99: number;
}

async function build(context: BenchContext, name: string, safepoints: string): Promise<string> {
  const settings = [`sandbox.safepoints=${safepoints}`];
  const options = { level: 'production', oneCore: false, settings } as const;
  const wasm = join(context.root, `functions/${name}.wasm`);
  const cache = join(context.cacheDirectory, 'artifacts');
  return (await buildModule(wasm, cache, options)).artifactPath;
}

function notMeasurable(name: string, samples: readonly number[]): string {
  const hint = samples.length === 0 ? '' : `; those there are: ${median(samples).toFixed(1)}`;
  return `${name}: not measurable, the machine is busy${hint}`;
}

/** How much short requests suffer from long ones, and one tenant from another, by policy. */
export const slowdownArea: BenchArea = {
  name: 'slowdown',
  summary: 'p99 slowdown of short requests beside long ones, on one worker, by policy and load',
  async run(context) {
    const folder = join(context.root, 'build/native');
    const program = join(folder, 'src/dataplane/test/slowdown_bench');
    const modules = [
      await build(context, 'hash', 'flag'),
      await build(context, 'hash', 'tsc'),
      await build(context, 'endless_loop', 'flag'),
    ];
    const form = context.quick ? 'quick' : 'full';
    const { stdout } = await run(program, [...modules, join(folder, 'plugins'), form], {
      maxBuffer: 16 << 20,
    });
    const { figures: rows } = JSON.parse(stdout) as { figures: Row[] };
    const figures: Figure[] = [];
    for (const row of rows) {
      const { name, samples, discarded, sent, late, dropped, neverSent, longP99 } = row;
      const counts = `sent ${sent}, late ${late}, dropped ${dropped}, never sent ${neverSent}`;
      const segments = `${samples.length} clean segments, ${discarded} discarded`;
      context.note(`${name}: ${counts}; ${segments}; long class p99 ${longP99.toFixed(1)}`);
      if (samples.length < SEGMENTS_MIN) context.note(notMeasurable(name, samples));
      else figures.push(figure(name, 'ratio', samples));
    }
    return [...figures, ...(await slowdownInVirtualTime(context))];
  },
};
