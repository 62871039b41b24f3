import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchArea, BenchContext } from '../area';
import { COMPILE_MODULES, compileModule } from '../compile-modules';
import { figure } from '../figure';
import { buildModule } from '../sledge';
import type { BuildOptions } from '../sledge';
import { Toolchain } from '../toolchain';

interface Case {
  name: string;
  module: keyof typeof COMPILE_MODULES;
  options: BuildOptions;
}

const CASES: readonly Case[] = [
  { name: 'build_60kb', module: 'small', options: { level: 'production', oneCore: true } },
  { name: 'build_100kb', module: 'medium', options: { level: 'production', oneCore: true } },
  { name: 'build_1mb', module: 'large', options: { level: 'production', oneCore: false } },
  { name: 'build_1mb_dev', module: 'large', options: { level: 'development', oneCore: false } },
];

interface Times {
  seconds: number;
  cachedMs: number;
}

/** Builds into an empty cache, so that nothing of an earlier round helps, and then once more. */
async function buildTwice(
  context: BenchContext,
  wasmPath: string,
  options: BuildOptions,
): Promise<Times> {
  const cache = mkdtempSync(join(context.cacheDirectory, 'fresh-'));
  try {
    const first = await buildModule(wasmPath, cache, options);
    const second = await buildModule(wasmPath, cache, options);
    if (first.cached || !second.cached) throw new Error(`${wasmPath}: the cache did not work`);
    return { seconds: first.durationMs / 1000, cachedMs: second.durationMs };
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

/** Compile time by size and level, and that of a module already built. */
export const compileArea: BenchArea = {
  name: 'compile',
  summary: 'time to build modules of three sizes, and to find them built',
  async run(context) {
    const toolchain = new Toolchain(context);
    const paths = new Map<string, string>();
    for (const [key, module] of Object.entries(COMPILE_MODULES)) {
      const path = await compileModule(toolchain, module);
      context.note(`${module.name}: ${statSync(path).size} bytes`);
      paths.set(key, path);
    }
    const seconds = new Map(CASES.map(({ name }) => [name, [] as number[]]));
    const cachedMs: number[] = [];
    const rounds = context.quick ? 1 : 5;
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, module, options } of CASES) {
        const answer = await buildTwice(context, paths.get(module) ?? '', options);
        seconds.get(name)?.push(answer.seconds);
        cachedMs.push(answer.cachedMs);
        context.note(`round ${round + 1} of ${rounds}: ${name} ${answer.seconds.toFixed(2)} s`);
      }
    }
    return [
      ...CASES.map(({ name }) => figure(name, 's', seconds.get(name) ?? [])),
      figure('cached', 'ms', cachedMs),
    ];
  },
};
