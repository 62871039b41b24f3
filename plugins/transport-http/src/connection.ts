import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { connectionEnviron } from './environ';
import type { Exchange } from './exchange';
import { rawAnswer, type Problem } from './problem';

/** What a client may still send after it was refused, before the connection is cut. */
export const LINGER_BYTES = 1_048_576;
export const LINGER_MS = 1_000;

/** One client connection: what is in flight on it, and how it ends. */
export class Connection {
  /** Joined environ entries. */
  readonly environ: string;
  /** Functions that run for it, in no order. */
  readonly running = new Set<Exchange>();
  /** The request whose body is being received. */
  receiving: Exchange | undefined;
  lastResponse: ServerResponse | undefined;
  #refused = false;

  constructor(readonly socket: Socket) {
    this.environ = connectionEnviron(socket.remoteAddress ?? '', socket.remotePort ?? 0);
  }

  get isIdle(): boolean {
    return this.running.size === 0 && this.receiving === undefined;
  }

  /** An answer has ended here, and the client has not taken all of it. */
  get isSending(): boolean {
    const { lastResponse, socket } = this;
    if (lastResponse === undefined || socket.destroyed) return false;
    return lastResponse.writableEnded && !lastResponse.writableFinished;
  }

  /** Another request that follows may be received already. */
  hasReceived(exchange: Exchange): void {
    if (this.receiving === exchange) this.receiving = undefined;
  }

  /** The client is gone: nothing more is sent, and what runs for it is cancelled. */
  onClose(): void {
    this.receiving?.stopReceiving();
    this.receiving = undefined;
    for (const exchange of this.running) exchange.cancel();
    this.running.clear();
  }

  /**
   * The bytes received are not HTTP, or came too slowly. Answers before it go out first, then
   * `makeProblem()`'s, and the connection ends.
   */
  refuse(makeProblem: () => Problem): void {
    if (this.#refused) return this.#limitLinger();
    this.#refused = true;
    const problem = makeProblem();
    const receiving = this.receiving;
    if (receiving !== undefined) {
      receiving.refuseBroken(problem);
      return;
    }
    const last = this.lastResponse;
    const answer = () => this.#endWith(rawAnswer(problem));
    if (last === undefined || last.writableFinished) answer();
    else last.once('finish', answer);
  }

  #lingerFrom = 0;

  #endWith(bytes: Buffer): void {
    const { socket } = this;
    if (socket.destroyed || !socket.writable) return;
    this.#lingerFrom = socket.bytesRead;
    socket.end(bytes);
    // Cut at once, bytes still on their way would reset the connection and lose the answer.
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  }

  #limitLinger(): void {
    if (this.socket.bytesRead - this.#lingerFrom > LINGER_BYTES) this.socket.destroy();
  }
}
