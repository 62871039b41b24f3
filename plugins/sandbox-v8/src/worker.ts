/**
 * What each worker_thread of sandbox-v8 runs: takes invocations from the native core, runs each in
 * a fresh instance, and gives the outcome back, until the data plane ends it.
 */
import { readFileSync } from 'node:fs';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type {
  JavaScriptWorkerChange,
  JavaScriptWorkerData,
  JavaScriptWorkerFunction,
  JavaScriptWorkerReport,
  NativeBinding,
  NativeExternalInvocation,
  NativeExternalWorker,
} from '@sledge/core';
import { limitMemory, readSections } from './module-sections';
import { failed, Runner, type RunResult } from './run';

const TAKE_MS = 100;
/** The event loop gets a turn after this many, for the messages that wait there. */
const BATCH = 64;
const NOTHING = new Uint8Array(0);

const data = workerData as JavaScriptWorkerData;
const functions = new Map<number, JavaScriptWorkerFunction>();
const modules = new Map<number, WebAssembly.Module>();
const runner = new Runner();

function readChanges(): void {
  for (let next = receiveMessageOnPort(data.port); next; next = receiveMessageOnPort(data.port)) {
    const change = next.message as JavaScriptWorkerChange;
    if (change.type === 'add') {
      functions.set(change.function.fn, change.function);
    } else {
      functions.delete(change.fn);
      modules.delete(change.fn);
    }
  }
}

/** @returns the error's number when it cannot be had. */
function moduleOf(fn: number): WebAssembly.Module | ReturnType<typeof failed> {
  const cached = modules.get(fn);
  if (cached !== undefined) return cached;
  if (!functions.has(fn)) readChanges();
  const spec = functions.get(fn);
  if (spec === undefined) return failed('SLEDGE_ERR_INVOKE_FUNCTION_GONE');
  const bytes = readFileSync(spec.artifactPath);
  if ((readSections(bytes).memory?.minPages ?? 0) > spec.memoryLimitPages) {
    return failed('SLEDGE_ERR_MODULE_MEMORY');
  }
  const limited = limitMemory(bytes, spec.memoryLimitPages);
  const module = new WebAssembly.Module(limited);
  modules.set(fn, module);
  return module;
}

function run(invocation: NativeExternalInvocation): RunResult {
  try {
    const module = moduleOf(invocation.fn);
    if (module instanceof WebAssembly.Module) return runner.run(module, invocation);
    return { ...module, output: NOTHING, log: '' };
  } catch (error) {
    const log = `sandbox-v8: ${error instanceof Error ? error.message : String(error)}`;
    return { ...failed('SLEDGE_ERR_MODULE_LOAD'), output: NOTHING, log };
  }
}

function takeOne(worker: NativeExternalWorker): boolean {
  const invocation = worker.take(TAKE_MS);
  if (invocation === null) return false;
  const { status, detail, output, log } = run(invocation);
  worker.complete(invocation.token, status, detail, output);
  if (log !== '') {
    const report: JavaScriptWorkerReport = { type: 'log', fn: invocation.fn, text: log };
    data.port.postMessage(report);
  }
  return true;
}

function loop(worker: NativeExternalWorker): void {
  try {
    for (let left = BATCH; left > 0 && takeOne(worker); left -= 1);
    readChanges();
  } catch {
    // The data plane has stopped, or this worker has been replaced: nothing more to do here.
    data.port.close();
    return;
  }
  setImmediate(loop, worker);
}

for (const spec of data.functions) functions.set(spec.fn, spec);
// eslint-disable-next-line @typescript-eslint/no-require-imports -- a path known at run time only
const binding = require(data.bindingPath) as NativeBinding;
loop(new binding.ExternalWorker(data.handle, data.worker));
