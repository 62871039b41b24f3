import { join } from 'node:path';
import type { BenchArea, BenchContext } from '../area';
import { figure, geometricMean } from '../figure';
import type { Figure } from '../figure';
import { KERNELS } from '../kernels';
import { LineProcess } from '../line-process';
import { buildKernel } from '../sledge';
import { Toolchain } from '../toolchain';

/** Those named scalar, and wasm2c's, are of code without vectors. */
const VARIANTS = [
  'native',
  'v8',
  'production',
  'unpolled',
  'nativeScalar',
  'v8Scalar',
  'scalar',
  'scalarUnpolled',
  'wasm2c',
] as const;
type VariantName = (typeof VARIANTS)[number];
type Times = Record<VariantName, number>;

interface Prepared {
  kernel: string;
  argument: number;
  artifacts: Record<VariantName, string>;
}

const REPETITIONS = 7;

async function prepare(context: BenchContext, toolchain: Toolchain): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  for (const [kernel, argument] of Object.entries(KERNELS)) {
    context.note(`building ${kernel}`);
    const wasm = await toolchain.wasmKernel(kernel, 'simd');
    const scalar = await toolchain.wasmKernel(kernel, 'scalar');
    const cache = context.cacheDirectory;
    const artifacts = {
      native: await toolchain.nativeKernel(kernel, 'vectorised'),
      nativeScalar: await toolchain.nativeKernel(kernel, 'scalar'),
      wasm2c: await toolchain.wasm2cKernel(kernel),
      v8: wasm,
      production: await buildKernel(wasm, cache, 'flag'),
      unpolled: await buildKernel(wasm, cache, 'off'),
      v8Scalar: scalar,
      scalar: await buildKernel(scalar, cache, 'flag'),
      scalarUnpolled: await buildKernel(scalar, cache, 'off'),
    };
    prepared.push({ kernel, argument, artifacts });
  }
  return prepared;
}

/** One process per way of running code; each loads a kernel once and keeps it warm. */
async function startProcesses(toolchain: Toolchain): Promise<Record<VariantName, LineProcess>> {
  const runner = await toolchain.runner();
  const script = (name: string): string => join(__dirname, '../runners', name);
  const sandbox = (): LineProcess =>
    new LineProcess(process.execPath, [script('sandbox-runner.js')]);
  const native = (): LineProcess => new LineProcess(runner, []);
  const v8 = (): LineProcess =>
    new LineProcess(process.execPath, ['--no-liftoff', script('v8-runner.js')]);
  return {
    native: native(),
    v8: v8(),
    production: sandbox(),
    unpolled: sandbox(),
    nativeScalar: native(),
    v8Scalar: v8(),
    scalar: sandbox(),
    scalarUnpolled: sandbox(),
    wasm2c: native(),
  };
}

/** Times one kernel in every variant, in turn, and compares what they computed. */
async function measure(
  { kernel, argument, artifacts }: Prepared,
  processes: Record<VariantName, LineProcess>,
  shift: number,
): Promise<Times> {
  const times: Partial<Times> = {};
  const checksums = new Set<string>();
  for (let i = 0; i < VARIANTS.length; i += 1) {
    const variant = VARIANTS[(i + shift) % VARIANTS.length] ?? 'native';
    const line = `${artifacts[variant]} ${REPETITIONS} ${argument}`;
    const [checksum = '', ns = ''] = (await processes[variant].ask(line)).split(' ');
    checksums.add(checksum);
    times[variant] = Number(ns);
  }
  if (checksums.size !== 1)
    throw new Error(`${kernel}: the variants differ: ${[...checksums].join(', ')}`);
  return times as Times;
}

/** Rounds of times by kernel to figures. */
function summarise(rounds: ReadonlyMap<string, Times>[]): Figure[] {
  const ratio = (name: string, above: VariantName, below: VariantName): Figure => {
    const means = rounds.map((round) =>
      geometricMean([...round.values()].map((times) => times[above] / times[below])),
    );
    return figure(name, 'ratio', means);
  };
  const figures = [
    ratio('geomean_vs_native', 'production', 'native'),
    ratio('geomean_unpolled_vs_native', 'unpolled', 'native'),
    ratio('geomean_vs_v8', 'production', 'v8'),
    ratio('geomean_scalar_vs_native', 'scalar', 'native'),
    ratio('geomean_scalar_unpolled_vs_native', 'scalarUnpolled', 'native'),
    ratio('geomean_vs_native_scalar', 'scalar', 'nativeScalar'),
    ratio('geomean_unpolled_vs_native_scalar', 'scalarUnpolled', 'nativeScalar'),
    ratio('geomean_scalar_vs_v8', 'scalar', 'v8Scalar'),
    ratio('geomean_vs_wasm2c', 'scalar', 'wasm2c'),
  ];
  for (const kernel of Object.keys(KERNELS)) {
    for (const peer of ['native', 'v8'] as const) {
      const samples = rounds.flatMap((round) => {
        const times = round.get(kernel);
        return times === undefined ? [] : [times.production / times[peer]];
      });
      figures.push(figure(`kernel_${kernel}_vs_${peer}`, 'ratio', samples));
    }
  }
  return figures;
}

/** Quality of compiled code: our modules beside native code, V8 and wasm2c. */
export const codeArea: BenchArea = {
  name: 'code',
  summary: 'compiled code against native, V8 and wasm2c, by kernel',
  async run(context) {
    const toolchain = new Toolchain(context);
    const kernels = await prepare(context, toolchain);
    const processes = await startProcesses(toolchain);
    const rounds: Map<string, Times>[] = [];
    const count = context.quick ? 5 : 15;
    try {
      for (let round = -1; round < count; round += 1) {
        const times = new Map<string, Times>();
        for (const prepared of kernels)
          times.set(prepared.kernel, await measure(prepared, processes, round + 1));
        if (round >= 0) rounds.push(times);
        context.note(`round ${round + 1} of ${count}`);
      }
    } finally {
      await Promise.all(Object.values(processes).map((process) => process.stop()));
    }
    return summarise(rounds);
  },
};
