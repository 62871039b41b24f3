/**
 * How many bytes of request bodies may be held until the rest of them has come, of all connections
 * together: each is bounded by itself, but slow clients are many. Where tenants share it, none
 * holds more than it leaves free, so that the slow clients of one leave room for the others
 * (dynamic thresholds with a factor of 1; Choudhury and Hahne, IEEE/ACM Trans. Networking 6(2),
 * 1998). Main thread.
 */
export class BodyRoom {
  /** More than one tenant may hold bodies. */
  isShared = false;
  #bytes = 0;
  readonly #bytesOf = new Map<string, number>();

  constructor(readonly limitBytes: number) {}

  /** False: there is no room for so many more of this tenant. */
  take(tenant: string, bytes: number): boolean {
    const freeBytes = this.limitBytes - this.#bytes - bytes;
    const heldBytes = (this.#bytesOf.get(tenant) ?? 0) + bytes;
    if (freeBytes < 0 || (this.isShared && heldBytes > freeBytes)) return false;
    this.#bytes += bytes;
    this.#bytesOf.set(tenant, heldBytes);
    return true;
  }

  give(tenant: string, bytes: number): void {
    this.#bytes -= bytes;
    const heldBytes = (this.#bytesOf.get(tenant) ?? 0) - bytes;
    if (heldBytes > 0) this.#bytesOf.set(tenant, heldBytes);
    else this.#bytesOf.delete(tenant);
  }
}
