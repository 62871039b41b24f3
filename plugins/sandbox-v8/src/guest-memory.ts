const NOTHING = new ArrayBuffer(0);

/** The linear memory of the running instance, with every access checked by `covers` first. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #view = new DataView(new ArrayBuffer(0));

  attach(memory: WebAssembly.Memory | undefined): void {
    this.#memory = memory;
  }

  /** False also while the instance is made: its memory is not known before. */
  covers(address: number, bytes: number): boolean {
    return this.#memory !== undefined && address + bytes <= this.#memory.buffer.byteLength;
  }

  /** Growing replaces it. */
  get buffer(): ArrayBuffer {
    return this.#memory?.buffer ?? NOTHING;
  }

  /** Looked up for each access. */
  get view(): DataView {
    const { buffer } = this;
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer);
    return this.#view;
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.view.buffer, address, length);
  }

  u32(address: number): number {
    return this.view.getUint32(address, true);
  }

  setU32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }

  setU64(address: number, value: bigint): void {
    this.view.setBigUint64(address, value, true);
  }
}
