import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { NatsOptions } from './options';
import { authenticatorOf, tlsOf } from './secrets';

/** Where a link is: not there yet, there, or given up by `close`. */
export type LinkState = 'connecting' | 'connected' | 'closed';

/** What a link tells; pino's loggers fit. */
export interface LinkLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface LinkSettings {
  /** Shown by the server for this connection. */
  name: string;
  /** Replies come below it: permissions can give each tenant its own. */
  inboxPrefix?: string | undefined;
  logger?: LinkLogger | undefined;
}

const JITTER = 0.5;

/**
 * A connection to NATS that is wanted until it is closed: it is tried for as long as no server is
 * there, and again when one went. Subscriptions outlive a reconnection; a connection that is given
 * up by the library is followed by a new one. One JavaScript thread.
 */
export class NatsLink {
  readonly #connection: NodeConnectionOptions;
  readonly #ending = new AbortController();
  readonly #onConnected = new Set<(connection: NatsConnection) => void>();
  readonly #onState = new Set<(state: LinkState) => void>();
  #current: NatsConnection | undefined;
  #state: LinkState = 'connecting';
  #life: Promise<void> = Promise.resolve();
  #reconnects = 0;
  #lastReason = '';

  private constructor(
    private readonly options: NatsOptions,
    private readonly settings: LinkSettings,
  ) {
    this.#connection = connectionOptions(options, settings);
  }

  /**
   * Begins to connect and returns at once.
   * @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS for a file that cannot be used.
   */
  static open(options: NatsOptions, settings: LinkSettings): NatsLink {
    const link = new NatsLink(options, settings);
    link.#life = link.#live();
    return link;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The connection while it is usable; undefined: NATS is away. */
  get connection(): NatsConnection | undefined {
    return this.#state === 'connected' ? this.#current : undefined;
  }

  /** Connections made again since the first. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Calls back for the connection there is and for each new one: subscribe in it. */
  onConnected(listener: (connection: NatsConnection) => void): () => void {
    this.#onConnected.add(listener);
    if (this.#current !== undefined) listener(this.#current);
    return () => this.#onConnected.delete(listener);
  }

  /** Calls back at each change of `state`. */
  onState(listener: (state: LinkState) => void): () => void {
    this.#onState.add(listener);
    return () => this.#onState.delete(listener);
  }

  /** @throws SledgeError SLEDGE_ERR_NATS_CONNECT with the last reason when the time is over. */
  async connected(timeoutMs: number): Promise<NatsConnection> {
    const limit = performance.now() + timeoutMs;
    while (this.connection === undefined) {
      if (this.#state === 'closed' || performance.now() >= limit) throw this.#unreachable();
      await delay(POLL_MS);
    }
    return this.connection;
  }

  /** What is subscribed gets what the server has sent already; what is published is flushed. */
  async drain(): Promise<void> {
    try {
      if (this.connection !== undefined) await this.connection.drain();
    } catch {
      // it went meanwhile: nothing is left to drain
    }
    await this.close();
  }

  /** Ends the connection and the attempts. Idempotent. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#set('closed');
    await this.#current?.close().catch(() => undefined);
    await this.#life;
  }

  async #live(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const connection = await this.#attempt();
      if (connection !== undefined) {
        await this.#use(connection);
        this.#current = undefined;
        if (!signal.aborted) this.#set('connecting');
      }
      const waitMs = this.options.reconnectWaitMs * (1 + JITTER * Math.random());
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #attempt(): Promise<NatsConnection | undefined> {
    try {
      return await connect(this.#connection);
    } catch (error) {
      this.#complain(error);
      return undefined;
    }
  }

  /** Resolves when the library has given the connection up. */
  async #use(connection: NatsConnection): Promise<void> {
    if (this.#ending.signal.aborted) return connection.close();
    this.#current = connection;
    this.#arrive(connection.getServer());
    void this.#follow(connection);
    for (const listener of this.#onConnected) {
      try {
        listener(connection);
      } catch (error) {
        this.#complain(error); // it has just closed: the next one is told
      }
    }
    await connection.closed();
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (this.#state === 'closed') return;
      if (status.type === 'disconnect') {
        this.#set('connecting');
        this.settings.logger?.warn({ server: status.server }, 'NATS is away');
      } else if (status.type === 'reconnect') {
        this.#reconnects += 1;
        this.#arrive(status.server);
      } else if (status.type === 'error') this.#complain(status.error);
    }
  }

  #arrive(server: string): void {
    this.#lastReason = '';
    this.#set('connected');
    this.settings.logger?.info({ server }, 'NATS is connected');
  }

  /** Once for each reason: attempts are many. */
  #complain(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#lastReason) return;
    this.#lastReason = reason;
    this.settings.logger?.warn({ servers: this.#servers, reason }, 'NATS says no, or is away');
  }

  #set(state: LinkState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    for (const listener of this.#onState) listener(state);
  }

  get #servers(): string {
    return this.options.servers.map(withoutSecret).join(', ');
  }

  #unreachable(): SledgeError {
    const reason = this.#lastReason || (this.#state === 'closed' ? 'closed' : 'no answer');
    return new SledgeError('SLEDGE_ERR_NATS_CONNECT', { servers: this.#servers, reason });
  }
}

const POLL_MS = 5;

function connectionOptions(options: NatsOptions, settings: LinkSettings): NodeConnectionOptions {
  const { servers, credentials, tls, connectTimeoutMs, reconnectWaitMs, pingIntervalMs } = options;
  const made: NodeConnectionOptions = {
    servers,
    name: settings.name,
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: Math.ceil(reconnectWaitMs * JITTER),
    // a server that reloads its users refuses for a moment
    ignoreAuthErrorAbort: true,
    pingInterval: pingIntervalMs,
  };
  if (settings.inboxPrefix !== undefined) made.inboxPrefix = settings.inboxPrefix;
  if (credentials !== undefined) made.authenticator = authenticatorOf(credentials);
  if (tls !== undefined) made.tls = tlsOf(tls);
  return made;
}

/** A URL may hold a password. */
function withoutSecret(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?.*@/i, '$1');
}
