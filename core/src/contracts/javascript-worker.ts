import type { MessagePort } from 'node:worker_threads';

/**
 * Between the data plane's façade (main thread) and the `workerScript` of a sandbox whose workers
 * are JavaScript. The façade starts one worker_thread per worker with `JavaScriptWorkerData` as
 * its workerData; the script attaches with `new binding.ExternalWorker(handle, worker)` and takes
 * work until that throws. To kill an invocation the façade terminates the thread and starts it
 * anew with a new port.
 */
export interface JavaScriptWorkerData {
  /** Absolute path of the native binding. */
  bindingPath: string;
  /** `NativeDataPlane.handle`. */
  handle: number;
  worker: number;
  /** What is loaded when the thread starts. */
  functions: readonly JavaScriptWorkerFunction[];
  /**
   * Later changes, as `JavaScriptWorkerChange`. Each is posted before the first submit that needs
   * it, so a worker that meets an unknown function reads the port with `receiveMessageOnPort`.
   * The worker posts `JavaScriptWorkerReport`s on it. In its transferList.
   */
  port: MessagePort;
}

export interface JavaScriptWorkerFunction {
  /** As in `NativeExternalInvocation.fn`. */
  fn: number;
  /** For messages. */
  name: string;
  /** What the sandbox plugin built. */
  artifactPath: string;
  memoryLimitPages: number;
}

export type JavaScriptWorkerChange =
  { type: 'add'; function: JavaScriptWorkerFunction } | { type: 'remove'; fn: number };

/** What a function wrote to stderr, cut at a limit. */
export interface JavaScriptWorkerReport {
  type: 'log';
  fn: number;
  text: string;
}
