import { createRequire } from 'node:module';
import type { Submit } from './driver';

interface RingAddon {
  start(onBatch: (count: number) => void): ArrayBuffer;
  submit(id: number): void;
  stop(): void;
}

/** The limit of going to a worker thread and back; see native/ring.c. */
export class Ring {
  readonly #addon: RingAddon;
  readonly #ids: Uint32Array;
  readonly #callbacks: ((() => void) | undefined)[] = [];
  readonly #free: number[] = [];

  /** Once per process: the addon has one worker. */
  constructor(file: string) {
    this.#addon = createRequire(__filename)(file) as RingAddon;
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
