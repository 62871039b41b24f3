import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { buildModule } from '../sledge';

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
  longP99: number;
}

async function build(context: BenchContext, name: string): Promise<string> {
  const settings = ['sandbox.safepoints=flag'];
  const options = { level: 'production', oneCore: false, settings } as const;
  const wasm = join(context.root, `functions/${name}.wasm`);
  const cache = join(context.cacheDirectory, 'artifacts');
  return (await buildModule(wasm, cache, options)).artifactPath;
}

/** How much short requests suffer from long ones, and one tenant from another, by policy. */
export const slowdownArea: BenchArea = {
  name: 'slowdown',
  summary: 'p99 slowdown of short requests beside long ones, on one worker, by policy and load',
  async run(context) {
    const folder = join(context.root, 'build/native');
    const program = join(folder, 'src/dataplane/test/slowdown_bench');
    const modules = [await build(context, 'hash'), await build(context, 'endless_loop')];
    const form = context.quick ? 'quick' : 'full';
    const { stdout } = await run(program, [...modules, join(folder, 'plugins'), form], {
      maxBuffer: 16 << 20,
    });
    const { figures: rows } = JSON.parse(stdout) as { figures: Row[] };
    const figures: Figure[] = [];
    for (const row of rows) {
      const { name, samples, discarded, sent, late, dropped, longP99 } = row;
      const counts = `sent ${sent}, late ${late}, dropped ${dropped}, never sent 0`;
      const segments = `${samples.length} clean segments, ${discarded} discarded`;
      context.note(`${name}: ${counts}; ${segments}; long class p99 ${longP99.toFixed(1)}`);
      if (samples.length < SEGMENTS_MIN) context.note(`${name}: not measurable`);
      else figures.push(figure(name, 'ratio', samples));
    }
    return figures;
  },
};
