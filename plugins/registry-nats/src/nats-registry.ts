import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { NodeMessage, PluginContext, RegistryEntry, RegistryInstance } from '@sledge/core';
import type { RegistryListener, RegistryState } from '@sledge/core';
import { NatsLink } from '@sledge/nats-connection';
import { Buckets, valueOf } from './buckets';
import { isPassing } from './failover';
import { dropModules, isKept, readModule } from './modules';
import type { RegistryOptions } from './options';
import { Session } from './session';

/** What JetStream answers when another change came first. */
const WRONG_LAST_SEQUENCE = [10071, 10164];
/** A module is many messages. */
const MODULE_TIMES = 25;
/** Between two attempts while another nats-server is chosen to lead. */
const AGAIN_MS = 100;

/** The registry in JetStream: a bucket of entries, one of nodes, one of modules. */
export class NatsRegistry implements RegistryInstance {
  readonly node: string;
  readonly heartbeatMs: number;
  readonly moduleBytes: number;
  #link: NatsLink | undefined;
  #session: Session | undefined;
  #listener: RegistryListener | undefined;
  #state: RegistryState = { state: 'away', reason: 'it has not been reached yet' };
  /** Counts connections: what belongs to an earlier one ends by itself. */
  #turn = 0;
  #isOver = false;

  constructor(
    private readonly options: RegistryOptions,
    private readonly ctx: Pick<PluginContext, 'logger'>,
  ) {
    this.node = options.node;
    this.heartbeatMs = options.heartbeatMs;
    this.moduleBytes = options.moduleBytes;
  }

  watch(listener: RegistryListener): void {
    this.#listener = listener;
  }

  /** Resolves at once, whether NATS is there or not. */
  async start(): Promise<void> {
    const { node, options, ctx } = this;
    const link = NatsLink.open(options, { name: `sledge registry ${node}`, logger: ctx.logger });
    this.#link = link;
    link.onState((state) => {
      if (state === 'connected') void this.#begin();
      else this.#lose('NATS is away');
    });
    if (link.connection !== undefined) void this.#begin();
    const { connectTimeoutMs } = options;
    setTimeout(() => this.#say(link), connectTimeoutMs).unref();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#turn += 1;
    this.#session?.end();
    this.#session = undefined;
    await this.#link?.close();
  }

  state(): RegistryState {
    return this.#state;
  }

  async get(key: string): Promise<RegistryEntry | undefined> {
    const found = await this.#ask(({ entries }) => entries.get(key));
    if (found === null) return undefined;
    return { key, revision: found.revision, value: valueOf(found) };
  }

  /**
   * What is tried again may have been stored the first time: then it is there, and ours. When
   * another change is there, ours may be beneath it: then it must not be made once more.
   */
  async put(key: string, value: string | undefined, revision: number): Promise<number> {
    let tries = 0;
    return this.#ask(async ({ entries }) => {
      tries += 1;
      const before = { previousSeq: revision };
      try {
        if (value !== undefined) return await entries.put(key, value, before);
        await entries.delete(key, before);
      } catch (error) {
        if (!isConflict(error)) throw error;
        const found = tries > 1 ? await entries.get(key) : null;
        const isOurs = found !== null && found.revision > revision && valueOf(found) === value;
        if (isOurs) return found.revision;
        if (tries > 1) throw uncertain(key);
        throw new SledgeError('SLEDGE_ERR_CLUSTER_CONFLICT', { key });
      }
      return (await entries.get(key))?.revision ?? revision;
    });
  }

  async putModule(hash: string, wasm: Uint8Array): Promise<void> {
    const timeout = this.options.timeoutMs * MODULE_TIMES;
    await this.#ask(async ({ modules }) => {
      if (await isKept(modules, hash, wasm.length)) return;
      await modules.putBlob({ name: hash }, wasm, { timeout });
    });
  }

  getModule(hash: string): Promise<Uint8Array> {
    const { timeoutMs, moduleBytes: limitBytes } = this.options;
    const limits = { limitBytes, timeoutMs: timeoutMs * MODULE_TIMES };
    return this.#ask(({ modules }) => readModule(modules, hash, limits));
  }

  keepModules(hashes: ReadonlySet<string>): Promise<void> {
    return this.#ask(({ modules }) => dropModules(modules, hashes));
  }

  async announce(text: string | undefined): Promise<void> {
    const say = async ({ nodes }: Buckets): Promise<void> => {
      if (text === undefined) await nodes.delete(this.node);
      else await nodes.put(this.node, text);
    };
    // the next heartbeat says more
    await this.#ask(say, { failoverMs: 0 });
  }

  async nodes(): Promise<NodeMessage[]> {
    if (this.#session?.hasHeardNodes !== true) throw this.#away();
    return this.#session.nodes(this.options.nodeTtlMs);
  }

  /** Tries until it watches, or the connection is another one. */
  async #begin(): Promise<void> {
    const turn = (this.#turn += 1);
    this.#session?.end();
    this.#session = undefined;
    while (turn === this.#turn) {
      try {
        await this.#open(turn);
        return;
      } catch (error) {
        if (turn === this.#turn) this.#tell({ state: 'away', reason: reasonOf(error) });
      }
      const { reconnectWaitMs } = this.options;
      await new Promise((resolve) => setTimeout(resolve, reconnectWaitMs).unref());
    }
  }

  async #open(turn: number): Promise<void> {
    const connection = this.#link?.connection;
    if (connection === undefined) throw new Error('NATS is away');
    const buckets = await Buckets.open(connection, this.options);
    const listener = this.#listener ?? { onAll: () => undefined, onChange: () => undefined };
    const session = new Session(buckets, listener, (reason) => {
      this.ctx.logger.warn({ reason }, 'the registry is looked at anew');
      const again = () => void (turn === this.#turn && this.#begin());
      setTimeout(again, this.options.reconnectWaitMs).unref();
    });
    // what it finds may be asked for while it begins
    this.#session = session;
    await session.begin().catch((error: unknown) => {
      session.end();
      if (this.#session === session) this.#session = undefined;
      throw error;
    });
    if (turn !== this.#turn) return session.end();
    this.#tell({ state: 'connected' });
  }

  /** Whoever waits for it should know after a while. */
  #say(link: NatsLink): void {
    if (link.state === 'connecting') this.#tell({ state: 'away', reason: 'NATS does not answer' });
  }

  #lose(reason: string): void {
    this.#turn += 1;
    this.#session?.end();
    this.#session = undefined;
    this.#tell({ state: 'away', reason });
  }

  #tell(state: RegistryState): void {
    const before = this.#state;
    this.#state = state;
    if (before.state === state.state && before.reason === state.reason) return;
    this.#listener?.onState(state);
  }

  /**
   * Rejects at once while NATS is away; what has begun is tried again for `failoverMs` while a
   * nats-server that leads is missing.
   */
  async #ask<Of>(
    question: (buckets: Buckets) => Promise<Of>,
    { failoverMs }: Pick<RegistryOptions, 'failoverMs'> = this.options,
  ): Promise<Of> {
    if (this.#session === undefined) throw this.#away();
    const limitMs = performance.now() + failoverMs;
    for (;;) {
      try {
        // the one that it was asked in may be over, and the next one not there yet
        if (this.#session === undefined) throw new errors.ConnectionError('NATS is away');
        return await question(this.#session.buckets);
      } catch (error) {
        if (error instanceof SledgeError) throw error;
        if (!isPassing(error) || this.#isOver || performance.now() >= limitMs) {
          const reason = reasonOf(error);
          throw new SledgeError('SLEDGE_ERR_CLUSTER_AWAY', { reason }, { cause: error });
        }
      }
      await delay(AGAIN_MS);
    }
  }

  #away(): SledgeError {
    const { reason = 'it has not been reached yet' } = this.#state;
    return new SledgeError('SLEDGE_ERR_CLUSTER_AWAY', { reason });
  }
}

function uncertain(key: string): SledgeError {
  const reason = `another change of ${key} came while this one was tried again; it may be made`;
  return new SledgeError('SLEDGE_ERR_CLUSTER_AWAY', { reason });
}

function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code);
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ').replace(/\.$/, '').slice(0, 200);
}
