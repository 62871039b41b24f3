import { createHash, randomUUID } from 'node:crypto';
import { access, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory, SledgeError } from '@sledge/core';
import type { BuildRequest, BuiltModule } from '@sledge/core';
import { entryOf } from './entry';
import { readSections } from './module-sections';
import { WASI_FUNCTIONS, WASI_MODULE } from './wasi-signatures';

const MAGIC = '0061736d01000000';

/**
 * Checks a module and keeps it by its content hash; the workers compile it when they meet it.
 * @throws SledgeError SLEDGE_ERR_BUILD_... or SLEDGE_ERR_MODULE_...
 */
export async function buildModule(request: BuildRequest): Promise<BuiltModule> {
  const { wasm, name, cacheDirectory, signal } = request;
  const started = performance.now();
  const contentHash = createHash('sha256').update(wasm).digest('hex');
  const artifactPath = path.join(cacheDirectory, 'v8', `${contentHash}.wasm`);
  const cached = await exists(artifactPath);
  const memoryMinPages = await check(wasm, name);
  if (signal?.aborted === true) throw new SledgeError('SLEDGE_ERR_BUILD_CANCELLED', { name });
  if (!cached) await writeWhole(artifactPath, wasm);
  const durationMs = performance.now() - started;
  return { artifactPath, contentHash, cached, durationMs, memoryMinPages };
}

/** @returns pages of its initial memory. */
async function check(wasm: Uint8Array, name: string): Promise<number> {
  if (Buffer.from(wasm.subarray(0, 8)).toString('hex') !== MAGIC) {
    const reason = 'it does not begin with the magic number and version 1';
    throw new SledgeError('SLEDGE_ERR_BUILD_MALFORMED', { name, reason, offset: 0 });
  }
  const module = await compile(wasm, name);
  const { functionImports, memory } = readSections(wasm);
  if (memory !== undefined && memory.flags > 1) {
    throw new SledgeError('SLEDGE_ERR_BUILD_UNSUPPORTED', {
      name,
      feature: 'a shared or 64-bit memory',
      wayOut: 'Build it without threads, for wasm32.',
    });
  }
  for (const { module: from, name: imported, kind } of WebAssembly.Module.imports(module)) {
    const known = functionImports.find((one) => one.module === from && one.name === imported);
    const signature = from === WASI_MODULE ? WASI_FUNCTIONS[imported]?.[0] : undefined;
    if (kind !== 'function' || signature === undefined || known?.signature !== signature) {
      throw new SledgeError('SLEDGE_ERR_MODULE_IMPORT', {
        path: name,
        import: `${from}.${imported}`,
      });
    }
  }
  if (entryOf(module) === undefined) {
    throw new SledgeError('SLEDGE_ERR_MODULE_ENTRY', { path: name });
  }
  return memory?.minPages ?? 0;
}

async function compile(wasm: Uint8Array, name: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(wasm);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reason = message.replace(/^WebAssembly\.compile\(\): /, '').replace(/ @\+\d+$/, '');
    const offset = Number(/@\+(\d+)$/.exec(message)?.[1] ?? 0);
    throw new SledgeError('SLEDGE_ERR_BUILD_INVALID', { name, reason, offset }, { cause: error });
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Never half a file under the final name, whatever happens. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await ensureDirectory(path.dirname(file));
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    const reason = error instanceof Error ? error.message : String(error);
    const details = { path: path.dirname(file), reason };
    throw new SledgeError('SLEDGE_ERR_BUILD_CACHE', details, { cause: error });
  }
}
