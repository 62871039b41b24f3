/** What the benchmarks use of the product; nothing else here reaches into it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BuildAnswer {
  artifactPath: string;
  seconds: number;
  /** A second build of the same module in the same process, from the cache. */
  cachedMs: number;
}

export interface BuildOptions {
  /** 'unpolled': as 'production', but without safepoints. */
  level: 'production' | 'development' | 'unpolled';
  /** Pin the process and its compilers to one core. */
  oneCore: boolean;
}

/** Builds a module in a process of its own. */
export async function buildModule(
  wasmPath: string,
  cacheDirectory: string,
  options: BuildOptions,
): Promise<BuildAnswer> {
  const script = join(__dirname, 'runners/build-runner.js');
  const args = [script, wasmPath, cacheDirectory, options.level];
  const [command, prefix] = options.oneCore
    ? ['taskset', ['-c', '0', process.execPath]]
    : [process.execPath, []];
  const { stdout } = await run(command, [...prefix, ...args], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as BuildAnswer;
}

/** Compiles a kernel as in production, or without its polls. @returns its artifact */
export async function buildKernel(
  wasmPath: string,
  cacheDirectory: string,
  { polled }: { polled: boolean },
): Promise<string> {
  const level = polled ? 'production' : 'unpolled';
  const options = { level, oneCore: false } as const;
  const { artifactPath } = await buildModule(wasmPath, join(cacheDirectory, 'artifacts'), options);
  if (!existsSync(artifactPath)) throw new Error(`${artifactPath} is missing`);
  return artifactPath;
}
