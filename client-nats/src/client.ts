import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { errors, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { HEADERS, idToken, NatsLink, STREAMS, SUBJECTS } from '@sledge/nats-connection';
import type { FunctionAddress } from '@sledge/nats-connection';
import { checkAborted, unlessAborted } from './abort';
import { NatsCallError, readAnswer, type NatsAnswer } from './answer';
import { KnownNodes } from './known-nodes';
import { checkMs, checkOptions, type CheckedOptions, type NatsClientOptions } from './options';
import { requestHead, setDeadline, type RequestHeadOptions } from './request-head';
import { Submission, type ResultOptions } from './submission';

export interface InvokeOptions extends RequestHeadOptions {
  /** Until the answer, all attempts together. Default: 10,000. */
  readonly deadlineMs?: number;
  /** Ends it here and on the node that has it. */
  readonly signal?: AbortSignal;
}

export interface SubmitOptions extends RequestHeadOptions {
  /** Makes it one, however often it is submitted. Default: a new UUID. */
  readonly id?: string;
  /** Of each attempt, from when a node has taken it. Default: the function's own. */
  readonly deadlineMs?: number;
  /** Until NATS has stored it. Default: 5,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_DEADLINE_MS = 10_000;
const DEFAULT_SUBMIT_MS = 5_000;
const NOBODY_WAIT_MS = 20;
const EMPTY = new Uint8Array(0);

/**
 * Calls functions of a cluster over NATS. It may be opened before NATS is there. One JavaScript
 * thread.
 */
export class NatsClient {
  readonly #link: NatsLink;
  readonly #nodes = new KnownNodes();
  /** Nobody else can take a call back: their names begin with this. */
  readonly #secret = randomBytes(12).toString('hex');
  #calls = 0;
  #inFlight = 0;

  private constructor(private readonly options: CheckedOptions) {
    const { name, inboxPrefix } = options;
    this.#link = NatsLink.open(options, { name, inboxPrefix });
  }

  /** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT, SLEDGE_ERR_NATS_CREDENTIALS. */
  static open(options: NatsClientOptions = {}): NatsClient {
    return new NatsClient(checkOptions(options));
  }

  /**
   * One call with one outcome. A node that says that it has not begun and another may try is
   * followed by the next, of those that are known the one with the shortest wait.
   * @throws NatsCallError when a node answers that it did not complete, or that its answer is too
   *   long for NATS; SledgeError
   *   SLEDGE_ERR_NATS_DEADLINE (it may have run), _NO_NODE, _CONNECT, _PAYLOAD, _PERMISSION,
   *   SLEDGE_ERR_CLIENT_ARGUMENT, SLEDGE_ERR_INVOKE_CANCELLED by its signal. Whoever has what is
   *   late or cancelled is told.
   */
  async invoke(
    tenant: string,
    fn: string,
    body: Uint8Array = EMPTY,
    options: InvokeOptions = {},
  ): Promise<NatsAnswer> {
    const { deadlineMs = DEFAULT_DEADLINE_MS, signal } = options;
    checkMs({ deadlineMs });
    return this.#bounded(async () => {
      const head = requestHead(options);
      const cancelId = `${this.#secret}-${(this.#calls += 1)}`;
      head.set(HEADERS.cancelId, cancelId);
      const call = { address: { tenant, fn }, body, head, deadlineMs, cancelId, signal };
      return this.#tryNodes(call, performance.now() + deadlineMs);
    });
  }

  /**
   * Durable work: NATS has stored it when this resolves, and it is done at least once.
   * @throws SledgeError SLEDGE_ERR_NATS_STREAM, _CONNECT, _PAYLOAD, _REQUEST; submit again with
   *   the same id.
   */
  async submit(
    tenant: string,
    fn: string,
    body: Uint8Array = EMPTY,
    options: SubmitOptions = {},
  ): Promise<Submission> {
    const { id = randomUUID(), deadlineMs, timeoutMs = DEFAULT_SUBMIT_MS } = options;
    checkMs({ deadlineMs, timeoutMs });
    const token = tokenOfId(id);
    return this.#bounded(async () => {
      const head = requestHead(options);
      if (deadlineMs !== undefined) setDeadline(head, deadlineMs);
      const connection = await this.#link.connected(timeoutMs);
      checkSize(connection, body, head);
      const { duplicate } = await this.#store(connection, { tenant, fn }, body, {
        ...{ msgID: token, headers: head, timeout: timeoutMs },
      });
      return new Submission(this.#link, tenant, id, token, duplicate);
    });
  }

  /** Of work that was submitted, here or elsewhere. Throws as Submission.result does. */
  async result(tenant: string, id: string, options: ResultOptions = {}): Promise<NatsAnswer> {
    return new Submission(this.#link, tenant, id, tokenOfId(id), true).result(options);
  }

  /** Ends the connection; what is under way ends with SLEDGE_ERR_NATS_CONNECT or _DEADLINE. */
  async close(): Promise<void> {
    await this.#link.drain();
  }

  async #tryNodes(call: Call, limit: number): Promise<NatsAnswer> {
    const refused = new Set<string>();
    let node: string | undefined;
    let last: NatsCallError | undefined;
    for (let asked = 0; asked < this.options.attempts; asked += 1) {
      const message = await this.#ask(call, node, limit);
      if (message === undefined) {
        if (node !== undefined) this.#nodes.forget(node);
        else await delay(Math.max(0, Math.min(NOBODY_WAIT_MS << asked, limit - performance.now())));
        node = undefined;
        continue;
      }
      const answer = readAnswer(message.data, message.headers);
      this.#nodes.note(answer instanceof NatsCallError ? answer.answer : answer);
      if (!(answer instanceof NatsCallError)) return answer;
      last = answer;
      if (!answer.mayTryNext) break;
      refused.add(answer.answer.node);
      node = this.#nodes.leastLoaded(refused);
    }
    if (last !== undefined) throw last;
    const name = `${call.address.tenant}/${call.address.fn}`;
    throw new SledgeError('SLEDGE_ERR_NATS_NO_NODE', { name });
  }

  /** Undefined: nobody listens there. */
  async #ask(call: Call, node: string | undefined, limit: number): Promise<Msg | undefined> {
    const { address, body, head, deadlineMs, signal } = call;
    checkAborted(signal);
    const connected = this.#link.connected(Math.max(0, limit - performance.now()));
    const connection = await unlessAborted(connected, signal);
    const leftMs = limit - performance.now();
    const name = `${address.tenant}/${address.fn}`;
    if (leftMs <= 1) throw new SledgeError('SLEDGE_ERR_NATS_DEADLINE', { name, deadlineMs });
    setDeadline(head, leftMs);
    checkSize(connection, body, head);
    try {
      const options = { timeout: leftMs, headers: head };
      const asked = connection.request(SUBJECTS.invoke(address, node), body, options);
      return await unlessAborted(asked, signal);
    } catch (error) {
      if (error instanceof SledgeError) {
        this.#cancel(connection, call);
        throw error;
      }
      if (isNobody(error)) return undefined;
      if (causeOf(error) instanceof errors.TimeoutError) {
        this.#cancel(connection, call);
        throw new SledgeError('SLEDGE_ERR_NATS_DEADLINE', { name, deadlineMs }, { cause: error });
      }
      throw said(error, name);
    }
  }

  /** Over the connection of the request, and so behind it. */
  #cancel(connection: NatsConnection, { address, cancelId }: Call): void {
    try {
      connection.publish(SUBJECTS.cancel(address.tenant), cancelId);
    } catch {
      // the connection is gone, and the node's own limits end it
    }
  }

  /** A stream that is not there yet, or whose server is just away, is waited for: it has an id. */
  async #store(
    connection: NatsConnection,
    address: FunctionAddress,
    body: Uint8Array,
    options: { msgID: string; headers: MsgHdrs; timeout: number },
  ) {
    const limit = performance.now() + options.timeout;
    for (;;) {
      const timeout = Math.max(1, limit - performance.now());
      try {
        const once = { ...options, timeout, retries: 1 };
        return await jetstream(connection).publish(SUBJECTS.submit(address), body, once);
      } catch (error) {
        const isOver = performance.now() + NOBODY_WAIT_MS >= limit;
        if (!isNobody(error) || isOver) throw notStored(error, STREAMS.work(address.tenant));
        await delay(NOBODY_WAIT_MS);
      }
    }
  }

  async #bounded<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= this.options.maxInFlight) {
      throw new SledgeError('SLEDGE_ERR_RPC_BACKLOG', { target: 'NATS' });
    }
    this.#inFlight += 1;
    try {
      return await run();
    } finally {
      this.#inFlight -= 1;
    }
  }
}

interface Call {
  readonly address: FunctionAddress;
  readonly body: Uint8Array;
  readonly head: MsgHdrs;
  readonly deadlineMs: number;
  readonly cancelId: string;
  readonly signal: AbortSignal | undefined;
}

function tokenOfId(id: string): string {
  const token = idToken(id);
  if (token !== undefined) return token;
  const reason = 'an id has 1 to 128 characters, percent-encoded as in URLs';
  throw new SledgeError('SLEDGE_ERR_NATS_REQUEST', { reason });
}

/** What is longer would cost the connection. @throws SledgeError SLEDGE_ERR_NATS_PAYLOAD */
function checkSize(connection: NatsConnection, body: Uint8Array, head: MsgHdrs): void {
  const limitBytes = connection.info?.max_payload ?? Infinity;
  let bytes = body.length + HEAD_BYTES;
  for (const [name, values] of head) {
    for (const value of values) bytes += name.length + 4 + Buffer.byteLength(value);
  }
  if (bytes > limitBytes) throw new SledgeError('SLEDGE_ERR_NATS_PAYLOAD', { bytes, limitBytes });
}

/** Version line, deadline and id. */
const HEAD_BYTES = 256 + HEADERS.id.length;

function causeOf(error: unknown): unknown {
  return error instanceof errors.RequestError && error.cause !== undefined ? error.cause : error;
}

function isNobody(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  if (error instanceof errors.RequestError && error.isNoResponders()) return true;
  return error instanceof Error && error.message.includes('jetstream is not enabled');
}

function notStored(error: unknown, stream: string): SledgeError {
  if (causeOf(error) instanceof errors.PermissionViolationError) return said(error, stream);
  const reason = isNobody(error) ? 'there is none' : messageOf(error);
  return new SledgeError('SLEDGE_ERR_NATS_STREAM', { stream, reason }, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function said(error: unknown, name: string): SledgeError {
  const cause = causeOf(error);
  const reason = `${name}: ${messageOf(cause)}`;
  if (cause instanceof errors.PermissionViolationError) {
    return new SledgeError('SLEDGE_ERR_NATS_PERMISSION', { reason }, { cause: error });
  }
  return new SledgeError('SLEDGE_ERR_NATS_CONNECT', { servers: 'the client', reason });
}
