import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { STREAMS, SUBJECTS, type NatsLink } from '@sledge/nats-connection';
import { NatsCallError, readAnswer, type NatsAnswer } from './answer';

/** A result that is told while nobody listened is looked for so often. */
const LOOK_MS = 1_000;

export interface ResultOptions {
  /** For the result to come. Default: 60,000. */
  readonly timeoutMs?: number;
}

/** Durable work that NATS has taken. */
export class Submission {
  constructor(
    private readonly link: NatsLink,
    private readonly tenant: string,
    readonly id: string,
    /** It had been submitted before: this one adds nothing. */
    readonly isDuplicate: boolean,
  ) {}

  /**
   * Its result, whether it is there already or comes.
   * @throws NatsCallError when it is a dead letter, with the last error; SledgeError
   *   SLEDGE_ERR_NATS_DEADLINE, _CONNECT.
   */
  async result({ timeoutMs = 60_000 }: ResultOptions = {}): Promise<NatsAnswer> {
    const limit = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = limit - performance.now();
      if (leftMs <= 0) throw this.#late(timeoutMs);
      const connection = await this.link.connected(leftMs);
      const found = await this.#listen(connection, Math.min(LOOK_MS, leftMs)).catch(
        () => undefined,
      );
      if (found instanceof NatsCallError) throw found;
      if (found !== undefined) return found;
    }
  }

  /** Subscribes before it looks, so that nothing falls between. */
  async #listen(connection: NatsConnection, timeoutMs: number) {
    const told = connection.subscribe(SUBJECTS.result(this.tenant, this.id), { max: 1 });
    const ending = new AbortController();
    try {
      const next = (async () => {
        for await (const { data, headers } of told) return readAnswer(data, headers);
        return undefined;
      })();
      const stored = await this.#look(connection);
      if (stored !== undefined) return stored;
      const tick = delay(timeoutMs, undefined, { signal: ending.signal }).catch(() => undefined);
      return await Promise.race([next, tick]);
    } finally {
      ending.abort();
      told.unsubscribe();
    }
  }

  async #look(connection: NatsConnection) {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const query = { last_by_subj: SUBJECTS.outcome(this.tenant, this.id) };
    const stored = await manager.direct.getMessage(STREAMS.results(this.tenant), query);
    return stored === null ? undefined : readAnswer(stored.data, stored.header);
  }

  #late(deadlineMs: number): SledgeError {
    return new SledgeError('SLEDGE_ERR_NATS_DEADLINE', { name: this.id, deadlineMs });
  }
}
