import { setTimeout as delay } from 'node:timers/promises';
import { SledgeError } from '@sledge/core';
import type { NativeRpcEvent } from '@sledge/core';
import { ErpcCallError } from './call-error';
import type { ErpcAddress, ErpcClient } from './client';
import { formats, type ErpcAnswer } from './formats';

export interface CallOptions {
  /** argv[1] and on. Only with the format `sledge`. */
  readonly args?: readonly string[];
  /** Microseconds from now to the answer. Default: none here, the function's own at the server. */
  readonly deadlineUs?: number;
}

interface PooledSession {
  number: number | undefined;
  opening: Promise<number> | undefined;
  outstanding: number;
}

/** eRPC's largest message. */
const MESSAGE_BYTES_MAX = 7_903_368;
const CLOSE_POLL_MS = 5;
const TYPE_MAX = 254;
const EMPTY = new Uint8Array(0);

/** One server: a pool of sessions with it. */
export class ErpcTarget {
  readonly name: string;
  readonly #sessions: PooledSession[] = [];

  /** Made by ErpcClient.connect. */
  constructor(
    private readonly client: ErpcClient,
    private readonly address: ErpcAddress,
    private readonly timeoutMs: number,
  ) {
    this.name = `${address.host}:${address.port ?? ''}`;
  }

  /** For ErpcClient.connect. */
  async open(sessions: number): Promise<void> {
    for (let at = 0; at < sessions; at += 1) {
      this.#sessions.push({ number: undefined, opening: undefined, outstanding: 0 });
    }
    await Promise.all(this.#sessions.map((session) => this.#opened(session)));
  }

  /**
   * Calls the function of this request type.
   * @throws ErpcCallError when the server answers that it did not complete; SledgeError
   *   SLEDGE_ERR_RPC_DEADLINE, _PEER_LOST, _BACKLOG, _CLOSED, _MESSAGE, _RESPONSE, _CONNECT.
   */
  async call(
    type: number,
    input: Uint8Array = EMPTY,
    options: CallOptions = {},
  ): Promise<ErpcAnswer> {
    const { args = [], deadlineUs = 0 } = options;
    const format = formats[this.client.options.format];
    this.#check(type, args, deadlineUs);
    const message = format.request(input, args, deadlineUs);
    if (message.length > MESSAGE_BYTES_MAX) {
      const limitBytes = MESSAGE_BYTES_MAX;
      throw new SledgeError('SLEDGE_ERR_RPC_MESSAGE', { bytes: message.length, limitBytes });
    }
    const session = this.#leastLoaded();
    session.outstanding += 1;
    try {
      const number = session.number ?? (await this.#opened(session));
      const event = await this.client.call(number, type, message, deadlineUs);
      if (event.kind !== 'answered' || event.status !== 'ok') {
        throw this.#failure(event, deadlineUs);
      }
      return this.#read(format.answer(Buffer.from(event.data as ArrayBuffer)));
    } finally {
      session.outstanding -= 1;
    }
  }

  /** Takes no more calls, and closes each session when its calls have ended. */
  async close(): Promise<void> {
    await Promise.all(
      this.#sessions.splice(0).map(async (session) => {
        while (session.outstanding > 0) await delay(CLOSE_POLL_MS);
        if (session.number !== undefined) await this.client.closeSession(session.number);
      }),
    );
  }

  #check(type: number, args: readonly string[], deadlineUs: number): void {
    const wrong = (reason: string) => new SledgeError('SLEDGE_ERR_CLIENT_ARGUMENT', { reason });
    if (!Number.isInteger(type) || type < 0 || type > TYPE_MAX) {
      throw wrong(`the request type ${type} is not 0 to ${TYPE_MAX}`);
    }
    if (!(deadlineUs >= 0)) throw wrong(`the deadline ${deadlineUs} is not a time`);
    if (args.some((arg) => arg.includes('\0'))) throw wrong('an argument holds a NUL');
    if (args.length > 0 && this.client.options.format !== 'sledge') {
      throw wrong(`the format ${this.client.options.format} has no arguments`);
    }
  }

  #leastLoaded(): PooledSession {
    const [first, ...others] = this.#sessions;
    if (first === undefined) throw new SledgeError('SLEDGE_ERR_RPC_CLOSED');
    return others.reduce((best, one) => (one.outstanding < best.outstanding ? one : best), first);
  }

  /** Its number, once it is open (again); callers at the same time share the attempt. */
  #opened(session: PooledSession): Promise<number> {
    const onLost = (): void => {
      session.number = undefined;
    };
    session.opening ??= this.client
      .openSession(this.address, this.timeoutMs, onLost)
      .then((number) => (session.number = number))
      .finally(() => (session.opening = undefined));
    return session.opening;
  }

  #failure({ status }: NativeRpcEvent, deadlineUs: number): SledgeError {
    const target = this.name;
    switch (status) {
      case 'deadline passed':
        return new SledgeError('SLEDGE_ERR_RPC_DEADLINE', { target, deadlineUs });
      case 'backlog full':
        return new SledgeError('SLEDGE_ERR_RPC_BACKLOG', { target });
      case 'closed':
        return new SledgeError('SLEDGE_ERR_RPC_CLOSED');
      case 'peer lost':
      case 'no session':
      case 'not connected':
        return new SledgeError('SLEDGE_ERR_RPC_PEER_LOST', { target });
      default:
        return new SledgeError('SLEDGE_ERR_RPC_RESPONSE', { target, reason: status });
    }
  }

  #read(answer: ErpcAnswer | undefined): ErpcAnswer {
    if (answer === undefined) {
      const reason = `it is not in the format ${this.client.options.format}`;
      throw new SledgeError('SLEDGE_ERR_RPC_RESPONSE', { target: this.name, reason });
    }
    if (answer.code !== undefined) throw new ErpcCallError(answer.code, answer);
    return answer;
  }
}
