/**
 * What each worker_thread of sandbox-v8 runs: takes invocations from the native core, runs each in
 * a fresh instance, and gives the outcome back, until the data plane ends it.
 */
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type {
  ExternalWorkerData,
  NativeBinding,
  NativeExternalInvocation,
  NativeExternalWorker,
} from '@sledge/core';
import type { Files } from './call';
import { limitMemory, readSections } from './module-sections';
import { failed, Runner, type RunResult } from './run';

const TAKE_MS = 100;
/** The event loop gets a turn after this many, for what waits there. */
const BATCH = 64;
/** Beyond it the module used least recently is compiled again when it is needed. */
const MODULES_MAX = 256;
const NOTHING = new Uint8Array(0);

const modules = new Map<string, WebAssembly.Module>();
const runner = new Runner();

/** @returns the failure when it cannot be had. */
function moduleOf(
  path: string,
  limitPages: number,
): WebAssembly.Module | ReturnType<typeof failed> {
  const key = `${limitPages} ${path}`;
  const module = modules.get(key) ?? loadModule(path, limitPages);
  if (!(module instanceof WebAssembly.Module)) return module;
  modules.delete(key);
  modules.set(key, module);
  const [oldest] = modules.keys();
  if (modules.size > MODULES_MAX && oldest !== undefined) modules.delete(oldest);
  return module;
}

function loadModule(path: string, limitPages: number): ReturnType<typeof moduleOf> {
  const bytes = readFileSync(path);
  const minPages = readSections(bytes).memory?.minPages ?? 0;
  if (minPages > limitPages) return failed('SLEDGE_ERR_MODULE_MEMORY');
  return new WebAssembly.Module(limitMemory(bytes, limitPages));
}

function run(invocation: NativeExternalInvocation, files: Files): RunResult {
  try {
    const module = moduleOf(invocation.artifactPath, invocation.memoryLimitPages);
    const { warmKey, warmIdleMs = 0 } = invocation;
    const warm = warmKey === undefined ? undefined : { key: warmKey, idleMs: warmIdleMs };
    const given = invocation.hasDirectories ? { ...invocation, files } : invocation;
    if (module instanceof WebAssembly.Module) return runner.run(module, given, warm);
    return { ...module, output: NOTHING, log: NOTHING };
  } catch {
    return { ...failed('SLEDGE_ERR_MODULE_LOAD'), output: NOTHING, log: NOTHING };
  }
}

function takeOne(worker: NativeExternalWorker, files: Files): boolean {
  const invocation = worker.take(TAKE_MS);
  if (invocation === null) return false;
  const { status, detail, output, log } = run(invocation, files);
  const bytes = log.length === 0 ? output : Buffer.concat([output, log]);
  worker.complete(invocation.token, status, detail, bytes, log.length);
  return true;
}

function filesOf(worker: NativeExternalWorker): Files {
  return {
    call: (name, memory, args) => worker.callFile(name, memory, args),
    descriptor: (fd) => worker.descriptor(fd) ?? undefined,
  };
}

function loop(worker: NativeExternalWorker, files: Files): void {
  try {
    for (let left = BATCH; left > 0 && takeOne(worker, files); left -= 1);
  } catch {
    return; // The data plane has stopped, or another thread has taken this worker's place.
  }
  runner.rest();
  setImmediate(loop, worker, files);
}

const { bindingPath, handle, worker } = workerData as ExternalWorkerData;
// eslint-disable-next-line @typescript-eslint/no-require-imports -- a path known at run time only
const binding = require(bindingPath) as NativeBinding;
const attached = new binding.ExternalWorker(handle, worker);
loop(attached, filesOf(attached));
