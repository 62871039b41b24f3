import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildRequest } from '@sledge/core';
import type { ModuleBuilder } from './compiler/build';
import { DIGEST_BYTES } from './compiler/cache';

export interface CopiesOptions extends Pick<BuildRequest, 'cacheDirectory' | 'level'> {
  /** A module that has `placeholder` once, in a data segment. */
  readonly wasm: Uint8Array;
  readonly placeholder: string;
  readonly count: number;
  /** Where the .wasm files go; absolute. */
  readonly folder: string;
}

export interface ModuleCopy {
  /** What stands in the place of the placeholder. */
  readonly text: string;
  /** The .wasm. */
  readonly file: string;
  /** What the compiler makes of it, in the cache. */
  readonly artifactPath: string;
}

/**
 * For tests and benchmarks with thousands of functions: modules that differ in a constant, so
 * that each has a hash, a file in the cache and mappings of its own. The compiler runs once: what
 * it makes has a data segment as it was in the module, and the module's hash; both are exchanged.
 * @throws Error when they are not there exactly once.
 */
export async function writeCopies(
  builder: ModuleBuilder,
  { wasm, placeholder, count, folder, cacheDirectory, level }: CopiesOptions,
): Promise<ModuleCopy[]> {
  const request = { name: 'copies', cacheDirectory, level };
  const template = await builder.build({ ...request, wasm });
  const artifact = readFileSync(template.artifactPath);
  const source = new Patch(Buffer.from(wasm), Buffer.from(placeholder));
  const made = new Patch(artifact, Buffer.from(placeholder));
  const hash = new Patch(artifact, digest(wasm));
  mkdirSync(folder, { recursive: true });
  const copies: ModuleCopy[] = [];
  for (let index = 0; index < count; index += 1) {
    const text = String(index).padStart(placeholder.length, '0');
    const bytes = source.with(Buffer.from(text));
    hash.with(digest(bytes));
    const file = join(folder, `${text}.wasm`);
    const artifactPath = await builder.place({ ...request, wasm: bytes });
    writeFileSync(file, bytes);
    writeFileSync(artifactPath, signed(made.with(Buffer.from(text))));
    copies.push({ text, file, artifactPath });
  }
  return copies;
}

class Patch {
  private readonly offset: number;

  constructor(
    private readonly bytes: Buffer,
    wanted: Buffer,
  ) {
    this.offset = bytes.indexOf(wanted);
    if (this.offset < 0 || bytes.indexOf(wanted, this.offset + 1) >= 0) {
      throw new Error(`${wanted.toString('latin1')} is not there exactly once`);
    }
  }

  /** The bytes with others in that place; valid until the next call. */
  with(others: Buffer): Buffer {
    others.copy(this.bytes, this.offset);
    return this.bytes;
  }
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** As the cache wants it: with the digest of what is before it. */
function signed(artifact: Buffer): Buffer {
  const end = artifact.length - DIGEST_BYTES;
  digest(artifact.subarray(0, end)).copy(artifact, end);
  return artifact;
}
