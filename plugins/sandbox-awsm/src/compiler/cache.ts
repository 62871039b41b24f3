import { createHash } from 'node:crypto';
import { readdirSync, readFile as readByCallback, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureDirectory, SledgeError } from '@sledge/core';

const BUILD_PREFIX = '.build-';
/** At the end of an artifact. */
export const DIGEST_BYTES = 32;
export const RUNTIME_DIRECTORY = join(__dirname, '../../runtime');
export const INCLUDE_DIRECTORY = join(__dirname, '../../../../native/include');

/** Without a FileHandle: a third of the time of the one of node:fs/promises, for thousands. */
const readWhole = promisify(readByCallback);

let identity: string | undefined;
let buildCount = 0;

/** Changes whenever the code that generates C, its runtime or the module ABI changes. */
export function backendIdentity(): string {
  if (identity !== undefined) return identity;
  const hash = createHash('sha256');
  const own = readdirSync(__dirname)
    .filter((file) => /\.(ts|js)$/.test(file) && !file.endsWith('.d.ts'))
    .map((file) => join(__dirname, file));
  const headers = readdirSync(RUNTIME_DIRECTORY).map((file) => join(RUNTIME_DIRECTORY, file));
  const abi = join(INCLUDE_DIRECTORY, 'sledge/module_abi.h');
  for (const file of [...own.sort(), ...headers.sort(), abi]) hash.update(readFileSync(file));
  identity = hash.digest('hex');
  return identity;
}

export function sha256(...parts: (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/**
 * Finished artifacts of one directory. Each ends with the sha256 of what is before it, where the
 * loader does not look: a file that was damaged since is not loaded but built again.
 */
export class ArtifactCache {
  private readonly prepared: Promise<void>;

  constructor(readonly directory: string) {
    this.prepared = prepare(directory);
    this.prepared.catch(() => undefined);
  }

  path(key: string): string {
    return join(this.directory, `${key}.wasm.so`);
  }

  async has(key: string): Promise<boolean> {
    try {
      return contentOf(await readWhole(this.path(key))) !== undefined;
    } catch {
      return false;
    }
  }

  /** A fresh folder for one build, inside the cache so that a rename can publish its result. */
  async temporary(): Promise<string> {
    try {
      await this.prepared;
      const name = `${BUILD_PREFIX}${String(process.pid)}-${String(++buildCount)}`;
      const path = join(this.directory, name);
      await rm(path, { recursive: true, force: true });
      await mkdir(path);
      return path;
    } catch (error) {
      throw cacheError(this.directory, error);
    }
  }

  /** Moves a finished file to its name, on disk before it becomes visible. */
  async publish(file: string, key: string): Promise<string> {
    const target = this.path(key);
    try {
      await sealAndMove(file, target);
      return target;
    } catch (error) {
      throw cacheError(this.directory, error);
    }
  }
}

/** Appends the digest of a file, and moves it to its name. */
export async function sealAndMove(file: string, target: string): Promise<void> {
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest();
  const handle = await open(file, 'a');
  try {
    await handle.write(digest);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(file, target);
}

/** What a sealed file holds before its digest; undefined: it was damaged. */
export function contentOf(sealed: Buffer): Buffer | undefined {
  const end = sealed.length - DIGEST_BYTES;
  if (end <= 0) return undefined;
  const content = sealed.subarray(0, end);
  const digest = createHash('sha256').update(content).digest();
  return digest.equals(sealed.subarray(end)) ? content : undefined;
}

export function cacheError(path: string, error: unknown): SledgeError {
  if (error instanceof SledgeError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new SledgeError('SLEDGE_ERR_BUILD_CACHE', { path, reason }, { cause: error });
}

/** Makes the directory and clears what builds of dead processes left behind. */
async function prepare(directory: string): Promise<void> {
  try {
    await ensureDirectory(directory);
    for (const name of await readdir(directory)) {
      const pid = new RegExp(`^\\${BUILD_PREFIX}(\\d+)-`).exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      await rm(join(directory, name), { recursive: true, force: true });
    }
  } catch (error) {
    throw cacheError(directory, error);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
