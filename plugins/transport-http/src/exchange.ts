import type { IncomingMessage, ServerResponse } from 'node:http';
import { SledgeError } from '@sledge/core';
import type { FunctionHandle, Outcome } from '@sledge/core';
import { callerOf, showCaller } from './access';
import { parseCgiResponse } from './cgi-response';
import { LINGER_BYTES, LINGER_MS, type Connection } from './connection';
import { parseDeadlineUs } from './deadline';
import {
  badRequest,
  CONNECTION_ENTRIES,
  decodePathInfo,
  EnvironBuilder,
  LISTENER_ENTRIES,
} from './environ';
import type { Listener } from './listener';
import { makeProblem, type Problem } from './problem';
import { RequestHead } from './request-head';
import { RequestNames } from './request-ids';
import type { Route } from './routes';
import { serverTiming } from './server-timing';

/** A refused body up to this length is read to its end, so that the connection lives on. */
const DISCARD_BYTES = 65_536;
/** Below this one string for head and body is cheaper than two buffers. */
const TEXT_BYTES = 16_384;
const EMPTY = Buffer.alloc(0);
const NO_ARGS: readonly string[] = [];

/** One request and its answer: parse, invoke, reply. Main thread. */
export class Exchange {
  #id = -1;
  #fn: FunctionHandle | undefined;
  #args = NO_ARGS;
  #environ: EnvironBuilder | undefined;
  #deadlineUs: number | undefined;
  #chunks: Buffer[] | undefined;
  #bodyBytes = 0;
  /** Of those, what takes room until the rest has come. */
  #heldBytes = 0;
  #hasBody = false;
  #answered = false;
  #endLinger: (() => void) | undefined;
  #names: RequestNames | undefined;

  constructor(
    private readonly listener: Listener,
    private readonly connection: Connection,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {}

  /** Reads the head, then the body if there is one, and invokes the function. */
  begin(): void {
    try {
      this.#begin();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection is gone. */
  cancel(): void {
    this.#answered = true;
    this.listener.invoker.cancel(this.#id);
  }

  /** What follows of this request is not HTTP, or came too slowly. */
  refuseBroken(problem: Problem): void {
    this.connection.hasReceived(this);
    this.stopReceiving();
    if (this.#endLinger !== undefined) this.#endLinger();
    else this.#sendProblem(problem, true);
  }

  #begin(): void {
    const { request, connection, listener } = this;
    const head = new RequestHead(request);
    const names = (this.#names = new RequestNames(head));
    this.#hasBody = head.hasBody;
    head.checkFraming(request.httpVersionMinor === 1);
    if (listener.isDraining) throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
    const { path, query, authority } = splitTarget(request);
    const method = request.method ?? '';
    if (path === '*') return this.#answerServerOptions(method);
    const host = authority ?? head.host;
    const routes = listener.sites.find(host);
    if (routes === undefined) {
      throw new SledgeError('SLEDGE_ERR_HTTP_MISDIRECTED', { host: host ?? '' });
    }
    const route = routes.match(path) ?? routes.match(safeDecode(path));
    if (route === undefined) throw new SledgeError('SLEDGE_ERR_HTTP_NO_ROUTE', { path });
    const fn = route.functions.get(method);
    if (fn === undefined) return this.#answerOtherMethod(route, method);
    if (connection.running.size >= listener.options.maxPipelined) {
      const limit = listener.options.maxPipelined;
      throw new SledgeError('SLEDGE_ERR_HTTP_PIPELINE', { limit });
    }
    const caller = callerOf(listener.guard.keysOf(fn), fn, head);
    this.#fn = fn;
    const { deadlineUs, grpcTimeout } = head;
    if (deadlineUs !== undefined || grpcTimeout !== undefined) {
      this.#deadlineUs = parseDeadlineUs(deadlineUs, grpcTimeout);
    }
    if (query !== '') this.#args = query.split('&');
    const environ = new EnvironBuilder(
      route.environ +
        connection.environ +
        `SERVER_PROTOCOL=HTTP/${request.httpVersion}\0REQUEST_METHOD=${method}\0` +
        `QUERY_STRING=${query}\0${head.environ}`,
      LISTENER_ENTRIES + 1 + CONNECTION_ENTRIES + 3 + head.environCount,
    );
    if (path.length > route.path.length) {
      environ.add('PATH_INFO', decodePathInfo(path).slice(route.path.length));
    }
    if (caller !== undefined) showCaller(caller, environ);
    names.addTo(environ);
    this.#environ = environ;
    if (head.hasBody) this.#receive(fn, head);
    else this.#invoke(EMPTY);
  }

  #answerServerOptions(method: string): void {
    if (method !== 'OPTIONS') throw badRequest('* is a target for OPTIONS only');
    this.#sendEmpty(204, []);
  }

  #answerOtherMethod(route: Route, method: string): void {
    if (method === 'OPTIONS') return this.#sendEmpty(204, ['Allow', route.allow]);
    const error = new SledgeError('SLEDGE_ERR_HTTP_METHOD', { method });
    const problem = makeProblem(error, undefined, this.#names);
    problem.headers.push('Allow', route.allow);
    this.#sendProblem(problem, false);
  }

  #receive(fn: FunctionHandle, head: RequestHead): void {
    const { request, response } = this;
    const limitBytes = fn.maxBodyBytes;
    const declared = head.contentLength;
    if (declared !== undefined && Number(declared) > limitBytes) throw tooLarge(limitBytes);
    this.connection.receiving = this;
    this.#chunks = [];
    if (head.expect !== undefined) response.writeContinue();
    request.on('data', (chunk: Buffer) => this.#onBody(chunk, fn));
    request.on('end', () => this.#onBodyEnd());
    // the next request of the connection may have taken its place there, and has its own
    request.once('close', () => this.stopReceiving());
  }

  #onBody(chunk: Buffer, { tenant, maxBodyBytes: limitBytes }: FunctionHandle): void {
    if (this.#chunks === undefined) return;
    const { room } = this.listener.shared;
    this.#bodyBytes += chunk.length;
    const fits = this.#bodyBytes <= limitBytes;
    if (fits && room.take(tenant, chunk.length)) {
      this.#heldBytes += chunk.length;
      this.#chunks.push(chunk);
      return;
    }
    this.stopReceiving();
    this.#fail(fits ? noRoom(room.limitBytes) : tooLarge(limitBytes));
  }

  /** Nothing more of its body is kept. */
  stopReceiving(): void {
    this.#chunks = undefined;
    if (this.#heldBytes === 0 || this.#fn === undefined) return;
    this.listener.shared.room.give(this.#fn.tenant, this.#heldBytes);
    this.#heldBytes = 0;
  }

  #onBodyEnd(): void {
    const chunks = this.#chunks;
    if (chunks === undefined) return;
    this.stopReceiving();
    this.connection.hasReceived(this);
    try {
      this.#invoke(chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks));
    } catch (error) {
      this.#fail(error);
    }
  }

  #invoke(input: Buffer): void {
    const { listener, connection } = this;
    const environ = this.#environ;
    const fn = this.#fn;
    if (environ === undefined || fn === undefined) return;
    if (input.length > 0) environ.add('CONTENT_LENGTH', String(input.length));
    if (fn.responseFormat === 'cgi') environ.add('SLEDGE_RESPONSE_FORMAT', 'cgi');
    this.#id = listener.invoker.invoke(
      fn,
      {
        args: this.#args,
        environ: { text: environ.text, count: environ.count },
        encoding: 'latin1',
        input: input.length > 0 ? input : undefined,
        inputStays: true,
        relativeDeadlineUs: this.#deadlineUs,
        ids: this.#names,
        arrivalNs: listener.shared.arrivals.nowNs,
      },
      (outcome) => this.#onOutcome(outcome, fn),
    );
    connection.running.add(this);
  }

  #onOutcome(outcome: Outcome, fn: FunctionHandle): void {
    this.connection.running.delete(this);
    if (this.#answered) return;
    const { response } = this;
    try {
      if (outcome.status !== 'completed') this.#sendFailure(outcome);
      else if (fn.responseFormat === 'cgi') this.#sendCgi(outcome, fn);
      else this.#sendOutput(outcome, fn);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else this.#fail(error, outcome);
    }
  }

  #sendOutput(outcome: Outcome, fn: FunctionHandle): void {
    const { listener, request, response } = this;
    const body = asBuffer(outcome.output);
    const type = fn.responseContentType;
    const mayKeep = listener.keepsConnections && body.length <= TEXT_BYTES;
    if (mayKeep && listener.answers.canSend(request, response)) {
      const times = listener.options.serverTiming ? outcome.times : undefined;
      const lines = (this.#names?.lines ?? '') + numberLine(this.#numberOf(outcome));
      listener.answers.send(request, response, type, body, times, lines);
      this.#answered = true;
      return;
    }
    const headers = ['Content-Type', type, 'Content-Length', String(body.length)];
    this.#addTiming(headers, outcome);
    this.#send(200, headers, body);
  }

  #sendCgi(outcome: Outcome, fn: FunctionHandle): void {
    const isHead = this.request.method === 'HEAD';
    const answer = parseCgiResponse(asBuffer(outcome.output), isHead);
    const { headers, status } = answer;
    const hasBody = status !== 204 && status !== 304;
    if (!answer.hasContentType && hasBody && answer.body.length > 0) {
      headers.push('Content-Type', fn.responseContentType);
    }
    if (hasBody) headers.push('Content-Length', String(answer.body.length));
    this.#addTiming(headers, outcome);
    this.#send(status, headers, hasBody ? answer.body : EMPTY);
  }

  #sendFailure(outcome: Outcome): void {
    const fallback = { reason: `status ${outcome.status} without an error` };
    const error = outcome.error ?? new SledgeError('SLEDGE_ERR_INTERNAL', fallback);
    this.#fail(error, outcome);
  }

  #fail(cause: unknown, outcome?: Outcome): void {
    const error =
      cause instanceof SledgeError
        ? cause
        : new SledgeError('SLEDGE_ERR_INTERNAL', { reason: String(cause) }, { cause });
    const problem = makeProblem(error, outcome, this.#names);
    if (outcome !== undefined) this.#addTiming(problem.headers, outcome);
    this.listener.logProblem(problem, error, this.#fn?.tenant);
    const isDraining = error.code === 'SLEDGE_ERR_INVOKE_DRAINING';
    this.#sendProblem(problem, isDraining || error.code === 'SLEDGE_ERR_HTTP_BAD_REQUEST');
  }

  #sendProblem(problem: Problem, close: boolean): void {
    if (this.#answered || this.connection.socket.destroyed) return;
    const { request } = this;
    const isOpenEnded =
      this.#hasBody &&
      !request.complete &&
      !(Number(request.headers['content-length']) <= DISCARD_BYTES && !close);
    if (isOpenEnded) return this.#sendAndLinger(problem);
    this.connection.hasReceived(this);
    const { answers, keepsConnections } = this.listener;
    if (!close && keepsConnections && answers.canSend(request, this.response)) {
      this.#answered = true;
      answers.sendProblem(request, this.response, problem, this.#names?.lines ?? '');
      return;
    }
    if (close) problem.headers.push('Connection', 'close');
    this.#send(problem.status, problem.headers, problem.body);
  }

  /** Answers now and reads on for a while: cut at once, the client would lose the answer. */
  #sendAndLinger(problem: Problem): void {
    const { request, response, connection } = this;
    this.#answered = true;
    connection.receiving = this;
    this.#names?.addToHeaders(problem.headers);
    response.writeHead(problem.status, [...problem.headers, 'Connection', 'close']);
    response.flushHeaders();
    response.write(problem.body);
    const finish = (): void => {
      clearTimeout(timer);
      this.connection.hasReceived(this);
      if (!response.writableEnded) response.end();
    };
    this.#endLinger = finish;
    const timer = setTimeout(finish, LINGER_MS);
    let lingerBytes = 0;
    request.on('data', (chunk: Buffer) => {
      lingerBytes += chunk.length;
      if (lingerBytes > LINGER_BYTES) finish();
    });
    request.once('end', finish);
    request.once('close', finish);
  }

  #sendEmpty(status: number, headers: string[]): void {
    this.#send(status, headers, EMPTY);
  }

  #addTiming(headers: string[], outcome: Outcome): void {
    if (this.listener.options.serverTiming) {
      headers.push('Server-Timing', serverTiming(outcome.times));
    }
    const number = this.#numberOf(outcome);
    if (number !== undefined) headers.push('X-Sledge-Request', String(number));
  }

  /** What traces and logs call it; undefined: none is written. */
  #numberOf({ requestId }: Outcome): number | undefined {
    return this.listener.invoker.isRecording === true ? requestId : undefined;
  }

  #send(status: number, headers: string[], body: Buffer): void {
    const { response } = this;
    this.#answered = true;
    this.#names?.addToHeaders(headers);
    if (!this.listener.keepsConnections) headers.push('Connection', 'close');
    response.writeHead(status, headers);
    if (body.length === 0 || this.request.method === 'HEAD') response.end();
    else if (body.length <= TEXT_BYTES) endWithText(response, body.toString('latin1'));
    else response.end(body);
  }
}

/** Head and body in one write: `end(text)` alone makes two and a writev, 2 us dearer. */
function endWithText(response: ServerResponse, text: string): void {
  const { socket } = response;
  if (socket === null) {
    response.end(text, 'latin1');
    return;
  }
  socket.cork();
  response.write(text, 'latin1');
  socket.uncork();
  response.end();
}

function numberLine(number: number | undefined): string {
  return number === undefined ? '' : `X-Sledge-Request: ${number}\r\n`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function tooLarge(limitBytes: number): SledgeError {
  return new SledgeError('SLEDGE_ERR_HTTP_BODY_TOO_LARGE', { limitBytes });
}

function noRoom(limitBytes: number): SledgeError {
  return new SledgeError('SLEDGE_ERR_HTTP_BODIES', { limitBytes });
}

interface Target {
  readonly path: string;
  readonly query: string;
  /** In absolute form: it stands above the Host header. */
  readonly authority?: string | undefined;
}

/** Path and raw query of the request's target, in origin or absolute form. */
function splitTarget(request: IncomingMessage): Target {
  let target = request.url ?? '';
  let authority: string | undefined;
  if (target.charCodeAt(0) !== 47) {
    if (target === '*') return { path: '*', query: '' };
    const match = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(target);
    if (match === null) throw badRequest('the target is neither a path nor a URL');
    authority = match[1];
    target = match[2] ?? '';
    if (!target.startsWith('/')) target = `/${target}`;
  }
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: '', authority };
  return { path: target.slice(0, mark), query: target.slice(mark + 1), authority };
}

function safeDecode(path: string): string {
  return path.includes('%') ? decodePathInfo(path) : path;
}
