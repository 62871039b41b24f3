import { setTimeout as delay } from 'node:timers/promises';
import {
  jetstream,
  jetstreamManager,
  type Consumer,
  type ConsumerMessages,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { FunctionHandle } from '@sledge/core';
import { STREAMS, WORK_CONSUMER } from '@sledge/nats-connection';
import type { Logger } from 'pino';
import { GIVE_BACK_MS, Job, type JobPlace } from './job';
import { Ledger } from './ledger';
import type { ServingNode } from './node';
import type { DurableOptions } from './options';
import { ensureStreams } from './streams';

const PULL_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const RETRY_MS = 500;
const NS_PER_MS = 1_000_000;

export interface JobSource {
  readonly tenant: string;
  readonly node: ServingNode;
  readonly options: DurableOptions;
  readonly logger: Logger;
  /** Some function of the tenant is here. */
  hasAny(): boolean;
  find(fn: string): FunctionHandle | undefined;
}

/**
 * The durable work of a tenant: no more is asked for than there are free places, so nothing waits
 * here while its time runs, and none while the tenant has no function here. Main thread.
 */
export class JobQueue {
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #messages: ConsumerMessages | undefined;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #lastReason = '';

  constructor(private readonly source: JobSource) {}

  /** Works for as long as the connection lives; one that follows another goes on. */
  connect(connection: NatsConnection): void {
    this.#loop = this.#loop.then(() => this.#live(connection));
  }

  /** What functions there are has changed. */
  update(): void {
    this.#wake();
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** Asks for nothing more; what has not begun goes back at once, the rest is finished. */
  async drain(): Promise<void> {
    this.#ending.abort();
    this.#wake();
    await this.#messages?.close().catch(() => undefined);
    await this.#loop;
    await Promise.all(this.#running);
  }

  async #live(connection: NatsConnection): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted && !connection.isClosed()) {
      try {
        await this.#work(connection);
      } catch (error) {
        this.#complain(error);
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #work(connection: NatsConnection): Promise<void> {
    const { tenant, node, options } = this.source;
    const manager = await jetstreamManager(connection);
    await ensureStreams(manager, tenant, options);
    const client = jetstream(connection);
    const consumer = await client.consumers.get(STREAMS.work(tenant), WORK_CONSUMER);
    const ledger = new Ledger(tenant, client, manager);
    // whoever made the consumer may have said otherwise than this node's options
    const { ack_wait: ackWaitNs = options.ackWaitMs * NS_PER_MS } = (await consumer.info(true))
      .config;
    const place: JobPlace = {
      ...{ tenant, node, options, connection, ledger, ackWaitMs: ackWaitNs / NS_PER_MS },
      ending: this.#ending.signal,
      find: (fn) => this.source.find(fn),
    };
    this.#lastReason = '';
    while (!this.#ending.signal.aborted && !connection.isClosed())
      await this.#pull(consumer, place);
  }

  async #pull(consumer: Consumer, place: JobPlace): Promise<void> {
    const free = place.options.maxInFlight - this.#running.size;
    if (free <= 0 || !this.source.hasAny()) return new Promise((resolve) => (this.#wake = resolve));
    const wanted = { max_messages: free, expires: PULL_MS, idle_heartbeat: HEARTBEAT_MS };
    const messages = await consumer.fetch(wanted);
    this.#messages = messages;
    if (this.#ending.signal.aborted) await messages.close();
    for await (const message of messages) {
      if (this.#ending.signal.aborted) message.nak(GIVE_BACK_MS);
      else this.#begin(new Job(message, place));
    }
    this.#messages = undefined;
  }

  #begin(job: Job): void {
    const running = job.run().finally(() => {
      this.#running.delete(running);
      this.#wake();
    });
    this.#running.add(running);
  }

  /** Once for each reason: it is tried again and again. */
  #complain(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#lastReason || this.#ending.signal.aborted) return;
    this.#lastReason = reason;
    const { tenant, logger } = this.source;
    logger.warn({ tenant, reason }, 'durable work waits: JetStream says no, or is away');
  }
}
