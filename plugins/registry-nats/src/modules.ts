import { createHash } from 'node:crypto';
import type { ObjectStore } from '@nats-io/obj';
import { SledgeError } from '@sledge/core';

/** So long after it was put a module is kept, whoever uses it: a deployment may be under way. */
const KEPT_MS = 3_600_000;

/**
 * Whether it is there, whole, and for a while: to put it again would take from those who read it
 * what they have not read yet.
 */
export async function isKept(store: ObjectStore, hash: string, bytes: number): Promise<boolean> {
  const info = await store.info(hash);
  if (info === null || info.deleted || info.size !== bytes) return false;
  const digest = Buffer.from(info.digest.replace(/^SHA-256=/, ''), 'base64').toString('hex');
  return digest === hash && Date.parse(info.mtime) > Date.now() - KEPT_MS / 2;
}

/**
 * The bytes of a module, never more than `limitBytes` of them in memory, compared with its name.
 * @throws SledgeError SLEDGE_ERR_CLUSTER_MODULE.
 */
export async function readModule(
  store: ObjectStore,
  hash: string,
  { limitBytes, timeoutMs }: { limitBytes: number; timeoutMs: number },
): Promise<Uint8Array> {
  const info = await store.info(hash);
  if (info === null || info.deleted) throw unusable(hash, 'it is not there');
  // what it says of itself need not be true: bytes are counted as they come
  if (info.size > limitBytes) throw unusable(hash, tooLarge(info.size, limitBytes));
  if (info.options?.link !== undefined) throw unusable(hash, 'it is a link');
  const found = await store.get(hash);
  if (found === null) throw unusable(hash, 'it is not there');
  found.error.catch(() => undefined);
  const reader = found.data.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), timeoutMs);
  try {
    return await collect(reader, hash, limitBytes);
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => undefined);
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  hash: string,
  limitBytes: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const sha = createHash('sha256');
  let bytes = 0;
  for (;;) {
    const { value, done } = await nextOf(reader, hash);
    if (done) break;
    bytes += value.length;
    if (bytes > limitBytes) throw unusable(hash, tooLarge(bytes, limitBytes));
    parts.push(value);
    sha.update(value);
  }
  const found = sha.digest('hex');
  if (found !== hash) throw unusable(hash, `${bytes} bytes came, whose hash is ${found}`);
  return Buffer.concat(parts);
}

async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>, hash: string) {
  try {
    return await reader.read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unusable(hash, reason.replace(/\s+/g, ' ').slice(0, 200));
  }
}

/** Removes what is in none of `hashes` and was put long enough ago, by the registry's clock. */
export async function dropModules(store: ObjectStore, hashes: ReadonlySet<string>): Promise<void> {
  const all = await store.list();
  const newestMs = Math.max(...all.map(({ mtime }) => Date.parse(mtime)));
  for (const { name, mtime, deleted } of all) {
    const isOld = newestMs - Date.parse(mtime) > KEPT_MS;
    if (!deleted && isOld && !hashes.has(name)) await store.delete(name);
  }
}

function tooLarge(bytes: number, limitBytes: number): string {
  return `it has ${bytes} bytes, and ${limitBytes} are taken`;
}

function unusable(hash: string, reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLUSTER_MODULE', { hash: hash.slice(0, 64), reason });
}
