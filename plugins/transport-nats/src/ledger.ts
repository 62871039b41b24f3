import { setTimeout as delay } from 'node:timers/promises';
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { HEADERS, STREAMS, SUBJECTS } from '@sledge/nats-connection';
import type { Answer } from './answer';

const TRIES = 8;
const WAIT_MS = 50;
const WAIT_MAX_MS = 2_000;
const ACK_TIMEOUT_MS = 2_000;

/** What becomes of a tenant's durable work: results once for each id, and dead letters. */
export class Ledger {
  constructor(
    private readonly tenant: string,
    private readonly client: JetStreamClient,
    private readonly manager: JetStreamManager,
  ) {}

  async hasResult(id: string): Promise<boolean> {
    const query = { last_by_subj: SUBJECTS.outcome(this.tenant, id) };
    const stored = await this.manager.direct.getMessage(STREAMS.results(this.tenant), query);
    return stored !== null;
  }

  /**
   * A second result of an id is not stored: by its message id, and because its subject has one.
   * Throws when the stream did not confirm it.
   */
  async storeResult(id: string, { data, headers }: Answer): Promise<void> {
    const expect = { lastSubjectSequence: 0 };
    const store = () =>
      this.client.publish(SUBJECTS.outcome(this.tenant, id), data, {
        ...{ headers, msgID: id, expect, timeout: ACK_TIMEOUT_MS },
      });
    try {
      await again(store);
    } catch (error) {
      if (!isSecond(error)) throw error;
    }
  }

  /** Throws when the stream did not confirm it. */
  async storeLetter(fn: string, id: string, { data, headers }: Answer): Promise<void> {
    headers.delete(HEADERS.id);
    const subject = SUBJECTS.dead({ tenant: this.tenant, fn });
    await again(() =>
      this.client.publish(subject, data, { headers, msgID: id, timeout: ACK_TIMEOUT_MS }),
    );
  }
}

/** What newer servers say instead. */
const WRONG_LAST_SEQUENCE_OF_NEWER = 10164;

function isSecond(error: unknown): boolean {
  const { StreamWrongLastSequence } = JetStreamApiCodes;
  const codes: number[] = [StreamWrongLastSequence, WRONG_LAST_SEQUENCE_OF_NEWER];
  return error instanceof JetStreamApiError && codes.includes(error.code);
}

/** NATS may be away for a moment. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let tried = 1, waitMs = WAIT_MS; ; tried += 1, waitMs = Math.min(WAIT_MAX_MS, 2 * waitMs)) {
    try {
      return await run();
    } catch (error) {
      if (tried === TRIES || isSecond(error)) throw error;
      await delay(waitMs);
    }
  }
}
