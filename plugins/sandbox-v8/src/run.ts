// Not all of core: a worker's thread starts anew for each kill.
import { ERROR_CATALOGUE, type ErrorCode } from '@sledge/core/errors';
import type { Call, CallInput } from './call';
import { entryOf } from './entry';
import { KeptInstances } from './kept-instances';
import { trapOf } from './traps';
import { Wasi } from './wasi';

/** Statuses as the data plane numbers them. */
export const Status = { completed: 0, exited: 1, trapped: 2, outputLimit: 4, failed: 7 } as const;

export interface RunResult {
  readonly status: number;
  /** Exit code, trap or number of the catalogue's error, by status. */
  readonly detail: number;
  readonly output: Uint8Array;
  /** What it wrote to stderr. */
  readonly log: Uint8Array;
}

/** What an invocation may go on in, and leave behind. */
export interface WarmCall {
  /** The function that instances are kept for; never another's. */
  readonly key: number;
  readonly idleMs: number;
}

/** Runs functions one after another, each call in an instance of its own unless it is warm. */
export class Runner {
  readonly #wasi = new Wasi();
  readonly #kept = new KeptInstances();

  run(module: WebAssembly.Module, given: CallInput, warm?: WarmCall): RunResult {
    const call = this.#wasi.begin(given);
    try {
      const kept = warm === undefined ? undefined : this.#kept.take(warm.key);
      const instance = kept ?? new WebAssembly.Instance(module, this.#wasi.imports);
      this.#wasi.attach(instance.exports['memory']);
      const entry = entryOf(module);
      if (warm !== undefined && entry?.call !== 'sledge_handle') {
        return resultOf(call, failed('SLEDGE_ERR_MODULE_WARM'));
      }
      for (const name of kept === undefined ? (entry?.first ?? []) : []) callOf(instance, name)();
      callOf(instance, entry?.call ?? '_start')();
      if (warm !== undefined && call.ending === undefined) {
        this.#kept.put(warm.key, instance, warm.idleMs);
      }
      return resultOf(call, ending(call));
    } catch (error) {
      return resultOf(call, call.ending === undefined ? failure(error) : ending(call));
    } finally {
      this.#wasi.end();
    }
  }

  /** Between invocations. */
  rest(): void {
    this.#kept.dropExpired();
  }
}

function callOf(instance: WebAssembly.Instance, name: string): () => void {
  return instance.exports[name] as () => void;
}

interface End {
  status: number;
  detail: number;
}

function resultOf(call: Call, { status, detail }: End): RunResult {
  return { status, detail, output: call.output, log: call.logged };
}

function ending(call: Call): End {
  if (call.ending?.kind === 'output-limit') return { status: Status.outputLimit, detail: 0 };
  const code = call.ending?.code ?? 0;
  return { status: code === 0 ? Status.completed : Status.exited, detail: code };
}

function failure(error: unknown): End {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('WebAssembly.Instance()')) {
    if (/out of memory/i.test(message)) return failed('SLEDGE_ERR_INVOKE_NO_SLOT');
    return failed('SLEDGE_ERR_MODULE_INITIALISE');
  }
  const trap = trapOf(error);
  return trap === undefined
    ? failed('SLEDGE_ERR_INTERNAL')
    : { status: Status.trapped, detail: trap };
}

/** The runtime could not run it. */
export function failed(code: ErrorCode): End {
  return { status: Status.failed, detail: ERROR_CATALOGUE[code].number };
}
