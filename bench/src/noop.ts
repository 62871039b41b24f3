import { createRequire } from 'node:module';
import type { Submit } from './driver';

interface NoopAddon {
  start(onBatch: (count: number) => void): ArrayBuffer;
  submit(id: number): void;
  stop(): void;
}

/** The limit for calls from JavaScript to a worker thread; see native/noop.c. */
export class Noop {
  readonly #addon: NoopAddon;
  readonly #ids: Uint32Array;
  readonly #callbacks: ((() => void) | undefined)[] = [];
  readonly #free: number[] = [];

  /** Once per process: the addon has one worker. */
  constructor(file: string) {
    this.#addon = createRequire(__filename)(file) as NoopAddon;
    this.#ids = new Uint32Array(this.#addon.start((count) => this.#deliver(count)));
  }

  readonly submit: Submit = (done) => {
    const id = this.#free.pop() ?? this.#callbacks.length;
    this.#callbacks[id] = done;
    this.#addon.submit(id);
  };

  stop(): void {
    this.#addon.stop();
  }

  #deliver(count: number): void {
    for (const id of this.#ids.slice(0, count)) {
      const done = this.#callbacks[id];
      this.#callbacks[id] = undefined;
      this.#free.push(id);
      done?.();
    }
  }
}
