import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildRequest, type BuiltModule, SledgeError } from '@sledge/core';
import {
  ArtifactCache,
  backendIdentity,
  INCLUDE_DIRECTORY,
  RUNTIME_DIRECTORY,
  sha256,
} from './cache';
import type { LowerOptions } from './layout';
import { lowerInThread } from './lower-thread';
import { toSledgeError } from './report';
import { type CompilerLimits, runCompiler } from './run-compiler';
import { ObjectCache } from './object-cache';
import { Semaphore } from './semaphore';
import { type CodeOptions, codeFlags, type Compiler, findCompiler, LINK_FLAGS } from './toolchain';
import type { WrittenSources } from './written-sources';

export interface BuilderOptions {
  /** Path or name; undefined: clang, else gcc. */
  readonly compiler?: string | undefined;
  readonly optimisation: CodeOptions['optimisation'];
  readonly strictFloat: boolean;
  readonly linkable: boolean;
  readonly safepoints: 'auto' | 'flag' | 'tsc' | 'off';
  /** Compiler processes at any moment. */
  readonly jobs: number;
  readonly limits: CompilerLimits & { readonly heapBytes: number };
}

const COMPILER_KNOWN_MS = 500;

interface SharedBuild {
  readonly promise: Promise<string>;
  readonly controller: AbortController;
  waiting: number;
}

interface Recipe {
  readonly key: string;
  /** The same for modules that differ in nothing but their own C. */
  readonly objectKey: string;
  readonly compiler: Compiler;
  readonly flags: readonly string[];
  readonly lower: LowerOptions;
}

/** Turns .wasm into .wasm.so, through a cache; equal builds that overlap share one. */
export class ModuleBuilder {
  private readonly caches = new Map<string, ArtifactCache>();
  private readonly running = new Map<string, SharedBuild>();
  private readonly slots: Semaphore;
  private looked: { key: string; atMs: number; found: Promise<Compiler> } | undefined;

  constructor(private readonly options: BuilderOptions) {
    this.slots = new Semaphore(options.jobs);
  }

  /** Throws SLEDGE_ERR_BUILD_*; nothing half-written stays. Main thread; work is elsewhere. */
  async build(request: BuildRequest): Promise<BuiltModule> {
    const startedMs = performance.now();
    const contentHash = sha256(request.wasm);
    const cache = this.cache(request.cacheDirectory);
    const recipe = await this.recipe(contentHash, request);
    const cached = await cache.has(recipe.key);
    const artifactPath = cached ? cache.path(recipe.key) : await this.share(cache, recipe, request);
    return { artifactPath, contentHash, cached, durationMs: performance.now() - startedMs };
  }

  /** Where the cache has, or would have, what is made of a module. */
  async place(request: BuildRequest): Promise<string> {
    const recipe = await this.recipe(sha256(request.wasm), request);
    return this.cache(request.cacheDirectory).path(recipe.key);
  }

  private cache(directory: string): ArtifactCache {
    let cache = this.caches.get(directory);
    if (cache === undefined) {
      cache = new ArtifactCache(directory);
      this.caches.set(directory, cache);
    }
    return cache;
  }

  private async recipe(contentHash: string, request: BuildRequest): Promise<Recipe> {
    const { strictFloat, linkable, optimisation, safepoints } = this.options;
    const compiler = await this.compiler(request.cacheDirectory);
    const flags = codeFlags(compiler, { level: request.level, optimisation, strictFloat });
    const readsTime = safepoints === 'tsc' || (safepoints === 'auto' && request.readsTime === true);
    const lower = { linkable, strictFloat, polled: safepoints !== 'off', readsTime };
    const parts = [compiler.path, compiler.version, ...flags, ...LINK_FLAGS, JSON.stringify(lower)];
    const objectKey = sha256([backendIdentity(), ...parts].join('\n'));
    const key = sha256([contentHash, backendIdentity(), ...parts].join('\n'));
    return { key, objectKey, compiler, flags, lower };
  }

  /** Found once for thousands of functions, and soon looked for again: it may be exchanged. */
  private compiler(cacheDirectory: string): Promise<Compiler> {
    const key = `${cacheDirectory}|${process.env['PATH'] ?? ''}`;
    const now = performance.now();
    if (this.looked?.key !== key || now - this.looked.atMs > COMPILER_KNOWN_MS) {
      const looked = { key, atMs: now, found: findCompiler(this.options.compiler, cacheDirectory) };
      this.looked = looked;
      looked.found.catch(() => {
        if (this.looked === looked) this.looked = undefined;
      });
    }
    return this.looked.found;
  }

  /** Joins a build of the same key, or starts it. It is stopped when nobody waits any more. */
  private async share(
    cache: ArtifactCache,
    recipe: Recipe,
    request: BuildRequest,
  ): Promise<string> {
    const place = cache.path(recipe.key);
    let shared = this.running.get(place);
    if (shared === undefined) {
      const controller = new AbortController();
      const promise = this.make(cache, recipe, request, controller.signal).finally(() => {
        this.running.delete(place);
      });
      shared = { promise, controller, waiting: 0 };
      this.running.set(place, shared);
    }
    return waitFor(shared, request);
  }

  private async make(
    cache: ArtifactCache,
    recipe: Recipe,
    request: BuildRequest,
    signal: AbortSignal,
  ): Promise<string> {
    const directory = await cache.temporary();
    try {
      const { heapBytes } = this.options.limits;
      const order = { bytes: request.wasm, options: recipe.lower, directory, heapBytes };
      signal.throwIfAborted();
      const written = await lowerInThread(order, signal);
      const objects = new ObjectCache(cache.directory, [recipe.objectKey, written.headerDigest]);
      await this.compile(directory, recipe, written, request.name, signal, objects);
      return await cache.publish(join(directory, 'module.so'), recipe.key);
    } catch (error) {
      if (signal.aborted) throw cancelled(request.name);
      throw toSledgeError(request.name, error);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private async compile(
    directory: string,
    recipe: Recipe,
    written: WrittenSources,
    name: string,
    signal: AbortSignal,
    kept: ObjectCache,
  ): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const { limits } = this.options;
    const flags = [...recipe.flags, `-I${INCLUDE_DIRECTORY}`, `-I${RUNTIME_DIRECTORY}`];
    const run = (args: readonly string[]): Promise<void> =>
      this.slots.use(() =>
        runCompiler({ path: recipe.compiler.path, args, directory, limits, name, signal: either }),
      );
    const sources = written.sources.map((source) => source.name);
    if (sources.length === 1) {
      return run([...flags, ...LINK_FLAGS, ...sources, '-o', 'module.so']);
    }
    const objects = sources.map((source) => source.replace(/c$/, 'o'));
    const jobs = written.sources.map(async ({ name: source, digest }, i) => {
      const object = objects[i] as string;
      const place = join(directory, object);
      try {
        if (await kept.take(digest, place)) return;
        await run([...flags, '-c', source, '-o', object]);
        await kept.keep(digest, place);
      } catch (error) {
        stop.abort();
        throw error;
      }
    });
    const failed = (await Promise.allSettled(jobs)).filter((job) => job.status === 'rejected');
    if (failed.length > 0) throw firstCause(failed.map((job) => job.reason as unknown));
    await run([...LINK_FLAGS, ...objects, '-o', 'module.so']);
  }
}

/** The failure that stopped the others, rather than one of those that it stopped. */
function firstCause(reasons: readonly unknown[]): unknown {
  const isCancel = (reason: unknown): boolean =>
    reason instanceof SledgeError && reason.code === 'SLEDGE_ERR_BUILD_CANCELLED';
  return reasons.find((reason) => !isCancel(reason)) ?? reasons[0];
}

async function waitFor(shared: SharedBuild, request: BuildRequest): Promise<string> {
  const { signal } = request;
  if (isAborted(signal)) throw cancelled(request.name);
  shared.waiting++;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(cancelled(request.name));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([shared.promise, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (--shared.waiting === 0 && isAborted(signal)) shared.controller.abort();
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function cancelled(name: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_BUILD_CANCELLED', { name });
}
