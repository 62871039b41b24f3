import { setTimeout as delay } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { ErrorCode, FunctionHandle, Outcome } from '@sledge/core';
import { HEADERS, idTokenOfHeader, nameOf } from '@sledge/nats-connection';
import {
  answerOf,
  asSledgeError,
  errorOf,
  failureOf,
  mayTryNext,
  tooLong,
  type Answer,
} from './answer';
import type { ServingNode } from './node';
import type { Ledger } from './ledger';
import type { DurableOptions } from './options';
import { readRequest } from './request';

/** A node without room holds what it has taken, and tries again so soon. */
const REFUSED_WAIT_MS = 5;
const REFUSED_WAIT_MAX_MS = 500;
/** And gives it back after so long in all: its place is for others. */
const REFUSED_ALL_MS = 3_000;
/** Of the time after which NATS gives it to somebody else. */
const HEARTBEATS = 3;
const HEADER_LINE_BYTES = 4;
/**
 * What a drain gives back comes out a little later: at once, nats-server might hand it to the pull
 * that is just being closed, and it would wait there for its whole ackWaitMs.
 */
export const GIVE_BACK_MS = 50;
/** Of what an answer leaves free for its head: the other half is for what became of it. */
const OWN_HEADERS_BYTES = 2_048;

/** Another attempt would end as this one. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SLEDGE_ERR_NATS_REQUEST',
  'SLEDGE_ERR_NATS_ANSWER',
  'SLEDGE_ERR_HTTP_BODY_TOO_LARGE',
]);

/** Nothing has run: the node has not converged yet, or is just building the module again. */
const NOT_HERE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SLEDGE_ERR_INVOKE_UNKNOWN',
  'SLEDGE_ERR_INVOKE_MODULE',
]);

export interface JobPlace {
  readonly tenant: string;
  readonly node: ServingNode;
  readonly options: DurableOptions;
  readonly connection: NatsConnection;
  readonly ledger: Ledger;
  /** After so long without a word NATS gives a job to somebody else: of its consumer. */
  readonly ackWaitMs: number;
  /** The queue takes nothing more: what has not begun goes back. */
  readonly ending: AbortSignal;
  find(fn: string): FunctionHandle | undefined;
}

/** One delivery of durable work: run, then result, retry or dead letter. Main thread. */
export class Job {
  readonly #fn: string;
  readonly #id: string;
  readonly #attempt: number;

  constructor(
    private readonly message: JsMsg,
    private readonly place: JobPlace,
  ) {
    this.#fn = nameOf(message.subject.split('.')[3] ?? '');
    const given = message.headers?.get(HEADERS.id) ?? '';
    this.#id = idTokenOfHeader(given) ?? `s${message.info.streamSequence}`;
    this.#attempt = message.info.deliveryCount;
  }

  /** Acknowledges it only when its result or its dead letter is stored. Does not throw. */
  async run(): Promise<void> {
    const { message, place } = this;
    const { options, ackWaitMs } = place;
    const beat = setInterval(() => this.#say(() => message.working()), ackWaitMs / HEARTBEATS);
    try {
      await this.#run();
    } catch {
      // its result could not be stored: it is done again, here or elsewhere
      this.#return(options.backoffMs);
    } finally {
      clearInterval(beat);
    }
  }

  async #run(): Promise<void> {
    const { message, place } = this;
    const { ledger, node, options } = place;
    node.counted.jobs += 1;
    if (message.redelivered && (await ledger.hasResult(this.#id))) return this.#done();
    if (this.#attempt > options.maxAttempts + options.maxReturns) {
      const details = { id: this.#id, attempts: this.#attempt - 1 };
      return this.#bury(new SledgeError('SLEDGE_ERR_NATS_ATTEMPTS', details));
    }
    const ended = await this.#invoke();
    if (ended === undefined)
      return this.#return(this.#isEnding ? GIVE_BACK_MS : options.backoffMaxMs);
    if (ended instanceof SledgeError) return this.#fail(ended);
    const error = errorOf(ended);
    if (ended.status === 'dropped' && error !== undefined && mayTryNext(error)) {
      return this.#leave(error);
    }
    const answering = node.answering(place.connection);
    const answer = answerOf(ended, answering);
    const failure = error ?? tooLong(ended, answering);
    if (failure !== undefined) return this.#fail(failure, answer);
    node.counted.jobs_completed += 1;
    await ledger.storeResult(this.#id, this.#named(answer));
    await this.#done();
  }

  get #isEnding(): boolean {
    return this.place.node.isDraining || this.place.ending.aborted;
  }

  /** What has no room yet waits for it. @returns undefined: it has found none. */
  async #invoke(): Promise<Outcome | SledgeError | undefined> {
    const { message, place } = this;
    const { ending: signal } = place;
    const limitMs = performance.now() + REFUSED_ALL_MS;
    for (let waitMs = REFUSED_WAIT_MS; ; waitMs = Math.min(REFUSED_WAIT_MAX_MS, waitMs * 2)) {
      const fn = place.find(this.#fn);
      if (fn === undefined) {
        const name = `${place.tenant}/${this.#fn}`;
        return new SledgeError('SLEDGE_ERR_INVOKE_UNKNOWN', { name, hint: '' });
      }
      try {
        const request = readRequest(fn, message.data, message.headers);
        return await new Promise<Outcome>((resolve) => place.node.invoke(fn, request, resolve));
      } catch (cause) {
        const error = asSledgeError(cause);
        if (!mayTryNext(error)) return error;
      }
      if (this.#isEnding || performance.now() >= limitMs) return undefined;
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Nothing has run here: it is of others, and each time they have longer to be ready for it. */
  async #leave(error: SledgeError): Promise<void> {
    const { maxAttempts, maxReturns, backoffMs, backoffMaxMs } = this.place.options;
    if (this.#isEnding) return this.#return(GIVE_BACK_MS);
    if (this.#attempt >= maxAttempts + maxReturns) return this.#bury(error);
    this.#return(Math.min(backoffMaxMs, backoffMs * this.#attempt));
  }

  async #fail(error: SledgeError, answer?: Answer): Promise<void> {
    const { node, options } = this.place;
    if (this.#isEnding) return this.#return(GIVE_BACK_MS);
    if (NOT_HERE.has(error.code)) return this.#leave(error);
    const isLast = this.#attempt >= options.maxAttempts || HOPELESS.has(error.code);
    if (isLast) return this.#bury(error, answer);
    node.counted.jobs_retried += 1;
    const waitMs = options.backoffMs * 2 ** (this.#attempt - 1);
    this.#say(() => this.message.nak(Math.min(options.backoffMaxMs, waitMs)));
  }

  /** The letter has what was sent; who waits for the result gets the error. */
  async #bury(error: SledgeError, answer?: Answer): Promise<void> {
    const { message, place } = this;
    const { ledger, node } = place;
    const failure = answer ?? failureOf(error, node.answering(place.connection));
    const letter = letterOf(message, failure, node.answering(place.connection).payloadMax);
    await ledger.storeLetter(this.#fn, this.#id, this.#named(letter));
    await ledger.storeResult(this.#id, this.#named(failure));
    node.counted.jobs_dead += 1;
    await this.#done();
  }

  #named(answer: Answer): Answer {
    answer.headers.set(HEADERS.attempts, String(this.#attempt));
    answer.headers.set(HEADERS.function, this.#fn);
    answer.headers.delete(HEADERS.tryNext);
    return answer;
  }

  /** Confirmed by the server; when the confirmation is lost its result is found next time. */
  async #done(): Promise<void> {
    await this.message.ackAck().catch(() => undefined);
  }

  #return(waitMs: number): void {
    this.place.node.counted.jobs_returned += 1;
    this.#say(() => this.message.nak(waitMs));
  }

  /** A connection that is closed lets nothing be said: the server redelivers after its wait. */
  #say(run: () => void): void {
    try {
      run();
    } catch {
      // as above
    }
  }
}

/**
 * What was sent, with what became of it. Headers of NATS itself are commands to whoever stores the
 * letter, so they stay behind; data and headers that together are too long are cut.
 */
function letterOf(message: JsMsg, failure: Answer, payloadMax: number): Answer {
  const head = headers();
  const data = message.data.subarray(0, payloadMax);
  let roomBytes = payloadMax - data.length + OWN_HEADERS_BYTES;
  for (const [name, values] of message.headers ?? []) {
    if (name.toLowerCase().startsWith('nats-')) continue;
    for (const value of values) {
      roomBytes -= name.length + Buffer.byteLength(value) + HEADER_LINE_BYTES;
      if (roomBytes >= 0) head.append(name, value);
    }
  }
  for (const [name, values] of failure.headers) head.set(name, values[0] ?? '');
  if (data.length < message.data.length) {
    head.set(HEADERS.cutBytes, String(message.data.length));
  }
  return { data, headers: head };
}
