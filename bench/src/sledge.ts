/** What the benchmarks use of the product, through its command. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The file behind `npx sledge`. */
export const CLI = resolve(__dirname, '../../cli/bin/sledge.js');

export interface BuildOptions {
  level: 'production' | 'development';
  /** Pin the process and its compilers to one core. */
  oneCore: boolean;
  /** Values of the configuration, as for `--set`. */
  settings?: readonly string[];
}

export interface BuildAnswer {
  artifactPath: string;
  cached: boolean;
  durationMs: number;
}

/** Builds a module with `sledge build`, in a process of its own. */
export async function buildModule(
  wasmPath: string,
  cacheDirectory: string,
  options: BuildOptions,
): Promise<BuildAnswer> {
  const settings = [`build.cacheDirectory=${cacheDirectory}`, ...(options.settings ?? [])];
  const args = [
    ...[CLI, 'build', wasmPath, '--json', '--level', options.level],
    ...settings.flatMap((setting) => ['--set', setting]),
  ];
  const [command, prefix] = options.oneCore
    ? ['taskset', ['-c', '0', process.execPath]]
    : [process.execPath, []];
  const { stdout } = await run(command, [...prefix, ...args], { maxBuffer: 1 << 20 });
  const [answer] = JSON.parse(stdout) as BuildAnswer[];
  if (answer === undefined) throw new Error(`nothing was built of ${wasmPath}`);
  return answer;
}

/** Compiles a kernel as in production, or with other safepoints. @returns its artifact */
export async function buildKernel(
  wasmPath: string,
  cacheDirectory: string,
  safepoints: 'flag' | 'tsc' | 'off',
): Promise<string> {
  const { artifactPath } = await buildModule(wasmPath, join(cacheDirectory, 'artifacts'), {
    level: 'production',
    oneCore: false,
    settings: [`sandbox.safepoints=${safepoints}`],
  });
  return artifactPath;
}
