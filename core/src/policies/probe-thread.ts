import 'reflect-metadata';
import { parentPort, workerData } from 'node:worker_threads';
import { loadPlugin } from '../plugins/plugin-host';
import { policyContext } from './policy-context';
import type { ProbeThreadData } from './thread-data';

/** Loads and makes one policy; that it comes to an end, well or not, is all that it says. */
function main(): void {
  const { reference, folder, seed } = workerData as ProbeThreadData;
  try {
    const { definition, options } = loadPlugin(reference, folder);
    void definition.create(options, policyContext(definition.name, seed));
  } catch {
    // the caller meets the same error and reports it
  }
  parentPort?.postMessage('ended');
}

main();
