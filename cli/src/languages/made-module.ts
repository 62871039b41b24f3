import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyWhole } from '../whole-file';

/**
 * A .wasm that has been made and stands in no one's place yet: compilers truncate or remove what
 * they cannot finish, and a sandbox may still refuse what they made. Whoever has one publishes or
 * discards it.
 */
export class MadeModule {
  #folder: string | undefined;

  private constructor(
    readonly name: string,
    /** Absolute: its place. */
    readonly file: string,
    folder: string | undefined,
  ) {
    this.#folder = folder;
  }

  /** A module that others have made: it is in its place. */
  static taken(name: string, file: string): MadeModule {
    return new MadeModule(name, file, undefined);
  }

  /** Lets `write` write it to a path of its own. @throws what `write` throws */
  static async making(
    name: string,
    file: string,
    write: (output: string) => Promise<string>,
  ): Promise<{ made: MadeModule; log: string }> {
    const made = new MadeModule(name, file, await mkdtemp(path.join(tmpdir(), 'sledge-build-')));
    try {
      return { made, log: await write(made.at) };
    } catch (error) {
      await made.discard();
      throw error;
    }
  }

  /** Where it can be read now. */
  get at(): string {
    return this.#folder === undefined ? this.file : path.join(this.#folder, `${this.name}.wasm`);
  }

  /** Puts it to its place. @throws SledgeError SLEDGE_ERR_CLI_OUTPUT, and it is discarded. */
  async publish(): Promise<void> {
    if (this.#folder === undefined) return;
    await copyWhole(this.at, this.file).finally(() => this.discard());
  }

  /** Where nothing is there is nothing to be kept, and configurations want what they name. */
  async publishFirst(): Promise<void> {
    if (!existsSync(this.file)) await this.publish();
  }

  /** What is in its place stays. */
  async discard(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}
