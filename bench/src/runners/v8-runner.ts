/**
 * Child process: answers "file repetitions argument" with "checksum nanoseconds", the smallest of
 * the repetitions, in V8. Started with --no-liftoff, so that every function is optimised code from
 * its first call.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

type Kernel = (n: number) => number;

const kernels = new Map<string, Kernel>();

function kernelOf(file: string): Kernel {
  let kernel = kernels.get(file);
  if (kernel === undefined) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {});
    kernel = instance.exports['kernel'] as Kernel;
    kernels.set(file, kernel);
  }
  return kernel;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [file = '', repetitions = '1', argument = '0'] = line.split(' ');
  const kernel = kernelOf(file);
  let best = Number.POSITIVE_INFINITY;
  let checksum = 0;
  for (let i = 0; i < Number(repetitions); i += 1) {
    const started = process.hrtime.bigint();
    checksum = kernel(Number(argument)) >>> 0;
    best = Math.min(best, Number(process.hrtime.bigint() - started));
  }
  process.stdout.write(`${checksum} ${best}\n`);
});
