import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure, geometricMean, median } from '../figure';
import type { Figure } from '../figure';
import { KERNELS } from '../kernels';
import { LineProcess } from '../line-process';
import { buildKernel, buildModule } from '../sledge';
import { Toolchain } from '../toolchain';

const run = promisify(execFile);
const REPETITIONS = 7;

interface NativeReport {
  figures: { name: string; unit: string; median: number }[];
  samples: number;
  discarded: number;
}

interface GapReport {
  looks: number;
  same_in_all_runs: boolean;
  gap_max: number;
}

const BUILDS = ['unpolled', 'polled', 'timed'] as const;
type Build = (typeof BUILDS)[number];

/** A kernel without safepoints, with them, and with those that read the time too. */
interface Kernel extends Record<Build, string> {
  name: string;
  argument: number;
}

/** Times of the builds with safepoints over that of the build without, one sample a round. */
interface Overheads {
  polled: number[];
  timed: number[];
}

/** The endless loop, with safepoints and without: what the native benchmark interrupts. */
async function victims(context: BenchContext): Promise<string[]> {
  const wasm = join(context.root, 'functions/endless_loop.wasm');
  const cache = join(context.cacheDirectory, 'artifacts');
  const build = async (safepoints: string): Promise<string> => {
    const settings = [`sandbox.safepoints=${safepoints}`];
    const options = { level: 'production', oneCore: false, settings } as const;
    return (await buildModule(wasm, cache, options)).artifactPath;
  };
  return [await build('flag'), await build('off')];
}

/** Each run of the native benchmark gives one sample a figure: its own median. */
async function nativeFigures(context: BenchContext, program: string): Promise<Figure[]> {
  const modules = await victims(context);
  const samples = new Map<string, number[]>();
  const rounds = context.quick ? 3 : 9;
  for (let round = 0; round < rounds; round += 1) {
    const { stdout } = await run(program, modules);
    const report = JSON.parse(stdout) as NativeReport;
    for (const { name, median: value } of report.figures)
      samples.set(name, [...(samples.get(name) ?? []), value]);
    const share = ((100 * report.discarded) / report.samples).toFixed(1);
    context.note(`native round ${round + 1} of ${rounds}, ${share} % of the samples discarded`);
  }
  return [...samples].map(([name, values]) => figure(name, 'ns', values));
}

async function buildKernels(context: BenchContext): Promise<Kernel[]> {
  const toolchain = new Toolchain(context);
  const kernels: Kernel[] = [];
  for (const [name, argument] of Object.entries(KERNELS)) {
    context.note(`building ${name}`);
    const wasm = await toolchain.wasmKernel(name, 'scalar');
    const cache = context.cacheDirectory;
    kernels.push({
      name,
      argument,
      unpolled: await buildKernel(wasm, cache, 'off'),
      polled: await buildKernel(wasm, cache, 'flag'),
      timed: await buildKernel(wasm, cache, 'tsc'),
    });
  }
  return kernels;
}

/** Largest distance of two looks at the flag, by kernel and over all of them. */
async function gapFigures(program: string, kernels: readonly Kernel[]): Promise<Figure[]> {
  const gaps: Figure[] = [];
  for (const { name, argument, polled } of kernels) {
    const { stdout } = await run(program, ['gaps', polled, String(argument)]);
    const report = JSON.parse(stdout) as GapReport;
    gaps.push(figure(`poll_gap_${name}`, 'ns', [report.gap_max]));
  }
  return [figure('max_poll_gap', 'ns', [Math.max(...gaps.map((gap) => gap.median))]), ...gaps];
}

/** By kernel. The builds take turns, each round in another order. */
async function measureOverheads(
  context: BenchContext,
  kernels: readonly Kernel[],
): Promise<Map<string, Overheads>> {
  const script = join(__dirname, '../runners/sandbox-runner.js');
  const start = (): LineProcess => new LineProcess(process.execPath, [script]);
  const processes = { unpolled: start(), polled: start(), timed: start() };
  const time = async (which: Build, kernel: Kernel): Promise<number> => {
    const answer = await processes[which].ask(`${kernel[which]} ${REPETITIONS} ${kernel.argument}`);
    return Number(answer.split(' ')[1]);
  };
  const ratios = new Map<string, Overheads>();
  for (const { name } of kernels) ratios.set(name, { polled: [], timed: [] });
  const rounds = context.quick ? 5 : 15;
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (const kernel of kernels) {
        const ns = { unpolled: 0, polled: 0, timed: 0 };
        for (let turn = 0; turn < BUILDS.length; turn += 1) {
          const build = BUILDS[(turn + round + 1) % BUILDS.length] as Build;
          ns[build] = await time(build, kernel);
        }
        if (round < 0) continue;
        ratios.get(kernel.name)?.polled.push(ns.polled / ns.unpolled);
        ratios.get(kernel.name)?.timed.push(ns.timed / ns.unpolled);
      }
      context.note(`polls: round ${round + 1} of ${rounds}`);
    }
  } finally {
    await Promise.all(Object.values(processes).map((one) => one.stop()));
  }
  return ratios;
}

/** Geometric mean over the kernels, one sample a round. */
function means(ratios: readonly (readonly number[])[]): number[] {
  const rounds = ratios[0]?.length ?? 0;
  return Array.from({ length: rounds }, (_, round) =>
    geometricMean(ratios.map((values) => values[round] ?? Number.NaN)),
  );
}

function overheadFigures(ratios: ReadonlyMap<string, Overheads>): Figure[] {
  const polled = [...ratios.values()].map((overheads) => overheads.polled);
  const timed = [...ratios.values()].map((overheads) => overheads.timed);
  const [worst] = [...polled].sort((a, b) => median(b) - median(a));
  return [
    figure('poll_overhead', 'ratio', means(polled)),
    figure('poll_overhead_worst', 'ratio', worst ?? []),
    figure('poll_tsc_overhead', 'ratio', means(timed)),
    ...[...ratios].map(([name, overheads]) => figure(`polls_${name}`, 'ratio', overheads.polled)),
    ...[...ratios].map(([name, overheads]) => figure(`tsc_${name}`, 'ratio', overheads.timed)),
  ];
}

/** How fast a worker leaves a sandbox for another one, and what safepoints cost. */
export const preemptArea: BenchArea = {
  name: 'preempt',
  summary: 'preemption by safepoint, signal and timer; the price of safepoints',
  async run(context) {
    const program = join(context.root, 'build/native/src/sandbox/test/preempt_bench');
    const native = await nativeFigures(context, program);
    const kernels = await buildKernels(context);
    const gaps = await gapFigures(program, kernels);
    const overheads = overheadFigures(await measureOverheads(context, kernels));
    return [...native, ...gaps, ...overheads];
  },
};
