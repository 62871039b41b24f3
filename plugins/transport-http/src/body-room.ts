/**
 * How many bytes of request bodies may be held until the rest of them has come, of all connections
 * together: each is bounded by itself, but slow clients are many. Main thread.
 */
export class BodyRoom {
  #bytes = 0;

  constructor(readonly limitBytes: number) {}

  /** False: there is no room for so many more. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.limitBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
