import {
  STATUS_CODES,
  validateHeaderValue,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { OutcomeTimes } from '@sledge/core';
import type { Problem } from './problem';
import { serverTiming } from './server-timing';

const MAX_CACHED_TYPES = 1_000;

/** What node's ServerResponse keeps of a head that it has made. */
interface MadeHead {
  _header?: string | null;
}

/**
 * Answers 200 with a body in one prepared string. `writeHead` checks and joins every field anew for
 * each answer; here only length, date and times change. Everything else about the response (order,
 * keep-alive, 'finish') stays node's.
 */
export class PlainAnswers {
  readonly #keepAlive: string;
  readonly #starts = new Map<string, string>();
  #dateSecond = 0;
  #date = '';

  constructor(keepAliveTimeoutMs: number) {
    const seconds = Math.floor(keepAliveTimeoutMs / 1_000);
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`;
  }

  /** False when the connection may not be kept, or node has made a head of its own. */
  canSend(request: IncomingMessage, response: ServerResponse): boolean {
    return (
      response.shouldKeepAlive &&
      request.httpVersionMinor === 1 &&
      (response as MadeHead)._header === null
    );
  }

  /**
   * @param type Value of Content-Type.
   * @param times Shown as Server-Timing.
   * @param lines More header lines, each with its end.
   * @throws TypeError when the type holds a character that no header may hold.
   */
  send(
    request: IncomingMessage,
    response: ServerResponse,
    type: string,
    body: Buffer,
    times: OutcomeTimes | undefined,
    lines: string,
  ): void {
    const start = this.#starts.get(type) ?? this.#makeStart(type);
    const timing = times === undefined ? '' : `Server-Timing: ${serverTiming(times)}\r\n`;
    const hasBody = body.length > 0 && request.method !== 'HEAD';
    const text = hasBody ? body.toString('latin1') : '';
    (response as MadeHead)._header =
      `${start}${body.length}\r\n${timing}${lines}${this.#dateLine()}${this.#keepAlive}${text}`;
    response.end();
  }

  /** A refusal likewise: with too much to do it must not cost more than to serve. */
  sendProblem(
    request: IncomingMessage,
    response: ServerResponse,
    { status, headers, body }: Problem,
    lines: string,
  ): void {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    const text = request.method === 'HEAD' ? '' : body.toString('latin1');
    response.statusCode = status;
    (response as MadeHead)._header = `${head}${lines}${this.#dateLine()}${this.#keepAlive}${text}`;
    response.end();
  }

  #makeStart(type: string): string {
    validateHeaderValue('Content-Type', type);
    const start = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: `;
    if (this.#starts.size < MAX_CACHED_TYPES) this.#starts.set(type, start);
    return start;
  }

  #dateLine(): string {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#date = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`;
    }
    return this.#date;
  }
}
