import { jetstreamManager } from '@nats-io/jetstream';
import { errors, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { STREAMS, SUBJECTS, type NatsLink } from '@sledge/nats-connection';
import { readAnswer, type NatsAnswer, type NatsCallError } from './answer';
import { checkMs } from './options';

/** A result that is told while nobody listened is looked for so often. */
const LOOK_MS = 1_000;

type Found = NatsAnswer | NatsCallError | SledgeError | undefined;

export interface ResultOptions {
  /** For the result to come. Default: 60,000. */
  readonly timeoutMs?: number;
}

/** Durable work that NATS has taken. */
export class Submission {
  constructor(
    private readonly link: NatsLink,
    private readonly tenant: string,
    /** As it was given, or made. */
    readonly id: string,
    private readonly token: string,
    /** It had been submitted before: this one adds nothing. */
    readonly isDuplicate: boolean,
  ) {}

  /**
   * Its result, whether it is there already or comes.
   * @throws NatsCallError when it is a dead letter, with the last error; SledgeError
   *   SLEDGE_ERR_NATS_DEADLINE, _CONNECT, _PERMISSION.
   */
  async result({ timeoutMs = 60_000 }: ResultOptions = {}): Promise<NatsAnswer> {
    checkMs({ timeoutMs });
    const limit = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = limit - performance.now();
      if (leftMs <= 0) throw this.#late(timeoutMs);
      const connection = await this.link.connected(leftMs);
      const found = await this.#listen(connection, Math.min(LOOK_MS, leftMs));
      if (found instanceof Error) throw found;
      if (found !== undefined) return found;
    }
  }

  /** Subscribes before it looks, so that nothing falls between. Undefined: nothing so far. */
  async #listen(connection: NatsConnection, timeoutMs: number): Promise<Found> {
    let told: (found: Found) => void = () => undefined;
    const next = new Promise<Found>((resolve) => (told = resolve));
    const timer = setTimeout(() => told(undefined), timeoutMs);
    const callback = (error: Error | null, { data, headers }: Msg) =>
      told(error === null ? readAnswer(data, headers) : this.#refusal(error));
    let subscription: Subscription | undefined;
    try {
      const subject = SUBJECTS.result(this.tenant, this.token);
      subscription = connection.subscribe(subject, { max: 1, callback });
      return (await this.#look(connection)) ?? (await next);
    } catch (error) {
      // NATS may have gone meanwhile, or the stream is not made yet: it is looked for again
      return this.#refusal(error) ?? (await next);
    } finally {
      clearTimeout(timer);
      subscription?.unsubscribe();
    }
  }

  #refusal(error: unknown): SledgeError | undefined {
    const isRefusal = error instanceof errors.PermissionViolationError;
    if (!isRefusal) return undefined;
    const reason = `${this.id}: ${error.message}`;
    return new SledgeError('SLEDGE_ERR_NATS_PERMISSION', { reason }, { cause: error });
  }

  async #look(connection: NatsConnection): Promise<Found> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const query = { last_by_subj: SUBJECTS.outcome(this.tenant, this.token) };
    const stored = await manager.direct.getMessage(STREAMS.results(this.tenant), query);
    return stored === null ? undefined : readAnswer(stored.data, stored.header);
  }

  #late(deadlineMs: number): SledgeError {
    return new SledgeError('SLEDGE_ERR_NATS_DEADLINE', { name: this.id, deadlineMs });
  }
}
