import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { BuiltModule } from '../contracts/kinds';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import type { FunctionVersion, LiveFunction } from '../functions/live-function';
import type { LiveTenant } from '../functions/live-tenant';
import type { ControlParts } from './control-parts';
import { DeployQueue } from './deploy-queue';

const POLL_MS = 20;
/** An RPC in several packets names its function with the first one. */
const RPC_MS = 1000;

interface Retiring {
  readonly fn: LiveFunction;
  readonly id: number;
  readonly fromMs: number;
}

/** Brings versions into the data plane, and takes them out when nothing of theirs is in flight. */
export class VersionLoader {
  readonly queue: DeployQueue;
  private retiring: Retiring[] = [];
  /** What is to be done when nothing of a tenant is left. */
  private readonly afterwards = new Map<string, () => void>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: ControlParts) {
    const { build, deploy } = parts.config;
    this.queue = new DeployQueue(build.parallel, deploy.queue);
  }

  /** Within the sandbox's limits. @throws SledgeError SLEDGE_ERR_BUILD_... */
  build(name: string, wasm: Uint8Array, signal?: AbortSignal): Promise<BuiltModule> {
    const { sandbox, build } = this.parts;
    return this.queue.run(() => sandbox.build({ ...build, wasm, name, signal }));
  }

  /**
   * Loads a version that is not, from what was built of it or else from its .wasm.
   * @throws SledgeError SLEDGE_ERR_CONTROL_MODULE_GONE, SLEDGE_ERR_BUILD_..., SLEDGE_ERR_MODULE_...
   */
  async ensure(tenant: LiveTenant, fn: LiveFunction, version: FunctionVersion): Promise<void> {
    const { registry } = this.parts;
    if (version.id !== undefined) return;
    let failure: unknown = 'it was not built in this process';
    if (version.module !== undefined) {
      try {
        return registry.load(tenant, fn, version, version.module);
      } catch (error) {
        failure = error;
      }
    }
    const wasm = await this.wasmOf(fn, version, failure);
    const module = await this.build(`${tenant.name}/${fn.name}`, wasm);
    if (version.id === undefined) registry.load(tenant, fn, version, module);
  }

  /**
   * Loads a version anew from its .wasm: what was built of it has vanished. What it was in the data
   * plane is not its own any more. False: it has been exchanged or taken out meanwhile.
   * @throws SledgeError SLEDGE_ERR_CONTROL_MODULE_GONE, SLEDGE_ERR_BUILD_..., SLEDGE_ERR_MODULE_...
   */
  async reload(tenant: LiveTenant, fn: LiveFunction, version: FunctionVersion): Promise<boolean> {
    const { id } = version;
    const wasm = await this.wasmOf(fn, version, 'what was built of it is gone');
    const module = await this.build(`${tenant.name}/${fn.name}`, wasm);
    if (version.id !== id || fn.versions.get(version.version) !== version) return false;
    this.parts.registry.load(tenant, fn, version, module);
    return true;
  }

  /**
   * Loads a version anew, from what was built of it if that is there. As `reload`.
   * @throws SledgeError SLEDGE_ERR_SECRET_FILE and those of `reload`.
   */
  async loadAnew(tenant: LiveTenant, fn: LiveFunction, version: FunctionVersion): Promise<void> {
    try {
      if (version.module !== undefined) {
        return this.parts.registry.load(tenant, fn, version, version.module);
      }
    } catch (error) {
      if (error instanceof SledgeError && error.code === 'SLEDGE_ERR_SECRET_FILE') throw error;
    }
    await this.reload(tenant, fn, version);
  }

  /** Takes out what of a function does not serve any more, as soon as nothing of it is left. */
  retire(fn: LiveFunction): void {
    const inUse = fn.inUse();
    const isRpc = [...fn.versions.values()].some(({ config }) => config.requestType !== undefined);
    const fromMs = performance.now() + (isRpc ? RPC_MS : 0);
    const kept = new Set([...inUse].map((version) => fn.versions.get(version)?.id));
    const leaving = new Set(this.retiring.map(({ id }) => id));
    for (const id of fn.target.ids) {
      if (!kept.has(id) && !leaving.has(id)) this.retiring.push({ fn, id, fromMs });
    }
    for (const version of fn.versions.values()) {
      if (!inUse.has(version.version)) version.id = undefined;
    }
    this.sweep();
  }

  /** Calls back once nothing that has been given to `retire` of that tenant is left. */
  whenRetired(tenant: string, then: () => void): void {
    this.afterwards.set(tenant, then);
    this.sweep();
  }

  close(): void {
    clearTimeout(this.timer);
    this.afterwards.clear();
    this.retiring = [];
  }

  private sweep(): void {
    const { plane, registry } = this.parts;
    const nowMs = performance.now();
    this.retiring = this.retiring.filter(({ fn, id, fromMs }) => {
      if (nowMs < fromMs || (plane.functionStats(id).inFlight ?? 0) > 0) return true;
      registry.unload(fn, id);
      return false;
    });
    for (const [tenant, then] of [...this.afterwards]) {
      if (this.retiring.some(({ fn }) => fn.tenant === tenant)) continue;
      this.afterwards.delete(tenant);
      then();
    }
    clearTimeout(this.timer);
    if (this.retiring.length > 0) this.timer = setTimeout(() => this.sweep(), POLL_MS).unref();
  }

  private async wasmOf(
    fn: LiveFunction,
    { version, hash, config }: FunctionVersion,
    failure: unknown,
  ): Promise<Uint8Array> {
    const gone = (reason: string): SledgeError =>
      new SledgeError('SLEDGE_ERR_CONTROL_MODULE_GONE', { version, name: fn.name, reason });
    if (version !== 0) {
      const kept = this.parts.store.module(hash);
      if (kept === undefined) throw gone(reasonOf(failure));
      return kept;
    }
    const wasm = await readFile(config.path).catch((error: unknown) => {
      throw gone(reasonOf(error));
    });
    if (createHash('sha256').update(wasm).digest('hex') === hash) return wasm;
    throw gone(`${config.path} is another one now`);
  }
}
