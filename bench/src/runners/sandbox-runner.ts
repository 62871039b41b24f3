/**
 * Child process: answers "artifact repetitions argument" with "checksum nanoseconds", the smallest
 * of the repetitions, in a production slot. The crossing from JavaScript, about a microsecond, is
 * within the time.
 */
import { createInterface } from 'node:readline';
import { loadBinding } from '../binding';

const { TestStore } = loadBinding();
const store = new TestStore();
const instances = new Map<string, number>();

function instanceOf(artifact: string): number {
  let instance = instances.get(artifact);
  if (instance === undefined) {
    instance = store.instantiate(artifact, []);
    if (instance < 0) throw new Error(`${artifact}: trap ${-instance}`);
    instances.set(artifact, instance);
  }
  return instance;
}

function call(instance: number, argument: bigint): bigint {
  const results = store.invoke(instance, 'kernel', [argument]);
  if (!Array.isArray(results)) throw new Error(`trap ${results}`);
  return results[0] ?? 0n;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [artifact = '', repetitions = '1', argument = '0'] = line.split(' ');
  const instance = instanceOf(artifact);
  let best = Number.POSITIVE_INFINITY;
  let checksum = 0n;
  for (let i = 0; i < Number(repetitions); i += 1) {
    const started = process.hrtime.bigint();
    checksum = call(instance, BigInt(argument));
    best = Math.min(best, Number(process.hrtime.bigint() - started));
  }
  process.stdout.write(`${checksum} ${best}\n`);
});
