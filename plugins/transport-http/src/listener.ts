import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6, Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { SledgeError } from '@sledge/core';
import type { Invoker, TenantView, TransportHost } from '@sledge/core';
import type { Logger } from 'pino';
import type { Arrivals } from './arrivals';
import type { BodyRoom } from './body-room';
import { Connection } from './connection';
import { listenerEnviron } from './environ';
import { Exchange } from './exchange';
import { Guard } from './guard';
import type { HttpOptions } from './options';
import { PlainAnswers } from './plain-answers';
import { makeProblem, type Problem } from './problem';
import { Sites } from './sites';

const kConnection = Symbol('sledge.connection');
const SENDING_POLL_MS = 20;
type OurSocket = Socket & { [kConnection]?: Connection };

/** What all listeners have in common. */
export interface Shared {
  readonly arrivals: Arrivals;
  readonly room: BodyRoom;
}

/**
 * One port, of one tenant or of several. Fastify holds the server's life; its router is left out,
 * because it takes no routes once it listens and refuses targets that a function's raw arguments
 * may contain.
 */
export class Listener {
  sites: Sites;
  /** It refuses what comes, and ends its connections. */
  isDraining = false;
  /** Its tenants are served elsewhere: it answers what comes, and ends the connection with that. */
  #isRetired = false;
  readonly answers: PlainAnswers;
  readonly guard: Guard;
  readonly invoker: Invoker;
  readonly #app: FastifyInstance;
  /** One for each address that its host has. */
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  #drainTimer: NodeJS.Timeout | undefined;
  #released: Promise<void> | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #environ = '';
  #url = '';

  /**
   * @param wantedPort 0 picks a free one.
   * @throws SledgeError SLEDGE_ERR_TLS_FILES or SLEDGE_ERR_KEYS_FILE.
   */
  constructor(
    readonly options: HttpOptions,
    host: TransportHost,
    private readonly logger: Logger,
    private tenants: readonly TenantView[],
    readonly shared: Shared,
    private readonly wantedPort = tenants[0]?.port ?? 0,
  ) {
    this.invoker = host.invoker;
    this.guard = new Guard(host, logger, tenants);
    this.sites = new Sites([], '');
    this.answers = new PlainAnswers(options.keepAliveTimeoutMs);
    this.#app = fastify({
      serverFactory: () => this.#makeServer(),
      logger: false,
      forceCloseConnections: false,
      clientErrorHandler: (error, socket) => this.#onClientError(error, socket as OurSocket),
    });
  }

  get url(): string {
    return this.#url;
  }

  /** Those whose functions it serves: all have one address. */
  get served(): readonly TenantView[] {
    return this.tenants;
  }

  /** As it is named by those that it serves, or by the transport. */
  get host(): string {
    return this.tenants[0]?.host ?? this.options.host;
  }

  /** That it listens on; undefined: it does not. */
  get port(): number | undefined {
    return (this.#app.server.address() as AddressInfo | null)?.port;
  }

  /** Addresses that it listens on. */
  get bound(): readonly string[] {
    const all = this.#servers.map((server) => server.address() as AddressInfo | null);
    return all.flatMap((one) => one?.address ?? []);
  }

  get keepsConnections(): boolean {
    return !this.isDraining && !this.#isRetired;
  }

  /** So that little is left to do when it listens. */
  async prepare(): Promise<void> {
    await this.#app.ready();
  }

  /** @throws SledgeError SLEDGE_ERR_HTTP_LISTEN */
  async listen(): Promise<void> {
    const { host, wantedPort: port } = this;
    const printable = isIPv6(host) ? `[${host}]` : host;
    try {
      await this.#app.listen({ host, port });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const details = { address: `${printable}:${port}`, reason };
      throw new SledgeError('SLEDGE_ERR_HTTP_LISTEN', details, { cause: error });
    }
    const address = this.#app.server.address() as AddressInfo;
    const { isSecure } = this.guard;
    this.#environ = listenerEnviron(host, address.port, isSecure);
    this.#url = `${isSecure ? 'https' : 'http'}://${printable}:${address.port}`;
    this.update(this.tenants);
  }

  /**
   * Swaps the routes; requests already matched keep theirs.
   * @throws SledgeError SLEDGE_ERR_KEYS_FILE; then nothing has changed.
   */
  update(tenants: readonly TenantView[]): void {
    this.guard.update(tenants);
    this.tenants = tenants;
    this.sites = new Sites(tenants, this.#environ);
  }

  /**
   * Takes no more connections; resolves when every answer is out and every connection ended. Idle
   * ones are kept for `drainGraceMs`: a request on its way is answered that we drain.
   */
  async drain(): Promise<void> {
    this.isDraining = true;
    clearTimeout(this.#drainTimer);
    this.#drainTimer = setTimeout(() => this.#endIdle(), this.options.drainGraceMs);
    await this.release();
    await this.#ended;
    clearTimeout(this.#drainTimer);
  }

  /** Likewise, but requests are answered as before; idle connections end in their own time. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await this.release();
    await this.#ended;
  }

  /** Takes no more connections; resolves when its port is free. */
  release(): Promise<void> {
    return (this.#released ??= new Promise((resolve) => {
      // Connections that wait to be accepted would be reset: one turn takes them.
      setImmediate(() => {
        const open = this.#servers.filter(({ listening }) => listening);
        this.#ended = Promise.all(open.map(closed));
        resolve();
      });
    }));
  }

  /** When the answers before are out; what has arrived in this turn is read before it. */
  #endIdle(): void {
    setImmediate(() => {
      if ([...this.#connections].some(({ isSending }) => isSending)) {
        this.#drainTimer = setTimeout(() => this.#endIdle(), SENDING_POLL_MS);
      } else this.#closeIdle();
    });
  }

  #closeIdle(): void {
    // Node takes an answer that it has not sent yet for the end of its connection's work.
    for (const server of this.#servers) server.closeIdleConnections();
    this.guard.endGreeting();
    for (const connection of this.#connections) {
      // A connection that never sent a byte is not idle for node.
      if (connection.isIdle && connection.socket.bytesRead === 0) connection.socket.destroy();
    }
  }

  async stop(): Promise<void> {
    this.isDraining = true;
    clearTimeout(this.#drainTimer);
    this.guard.close();
    for (const connection of this.#connections) connection.socket.destroy();
    await this.#app.close();
  }

  /** @param tenant undefined: it is not known whose request it was. */
  logProblem(problem: Problem, error: SledgeError, tenant?: string): void {
    if (!this.logger.isLevelEnabled('debug')) return;
    const { status, instance, ids } = problem;
    const { requestId, traceId } = ids ?? {};
    const about = { code: error.code, tenant, requestId, traceId };
    this.logger.debug({ instance, status, ...about }, 'problem');
  }

  #makeServer(): Server {
    const { options } = this;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      this.#onRequest(request, response);
    const server = this.guard.createServer(
      {
        maxHeaderSize: options.maxHeaderBytes,
        headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
        requestTimeout: options.requestTimeoutMs,
        keepAliveTimeout: options.keepAliveTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, options.headersTimeoutMs / 2),
        // Checked by us, so that the answer is a problem document.
        requireHostHeader: false,
        insecureHTTPParser: false,
      },
      onRequest,
      options.headersTimeoutMs,
    );
    this.#servers.push(server);
    server.maxConnections = options.maxConnections;
    // maxHeaderBytes bounds them; a count would drop what comes after it without a word.
    server.maxHeadersCount = 0;
    // A client may close its sending side and still wait for the answer.
    Object.assign(server, { httpAllowHalfOpen: true });
    server.on(this.guard.connected, (socket: OurSocket) => this.#onConnection(socket));
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', (request, response) => refuseExpectation(request, response));
    server.on('connect', (_request, socket) => this.#onConnect(socket as OurSocket));
    server.setTimeout(options.idleTimeoutMs, (socket: OurSocket) => {
      // Silence while a function runs is the function's, not the client's.
      if (socket[kConnection]?.running.size !== 0) return;
      socket.destroy();
    });
    return server;
  }

  #onConnection(socket: OurSocket): void {
    const connection = new Connection(socket);
    socket[kConnection] = connection;
    this.#connections.add(connection);
    socket.once('close', () => {
      this.#connections.delete(connection);
      connection.onClose();
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = (request.socket as OurSocket)[kConnection];
    if (connection === undefined) return;
    connection.lastResponse = response;
    new Exchange(this, connection, request, response).begin();
  }

  #onConnect(socket: OurSocket): void {
    const error = new SledgeError('SLEDGE_ERR_HTTP_METHOD', { method: 'CONNECT' });
    socket[kConnection]?.refuse(() => {
      const problem = makeProblem(error);
      problem.headers.push('Allow', '');
      return problem;
    });
  }

  #onClientError(error: Error & { code?: string }, socket: OurSocket): void {
    const connection = socket[kConnection];
    if (connection === undefined || socket.destroyed || !isProtocolError(error.code)) {
      socket.destroy();
      return;
    }
    connection.refuse(() => {
      const reported = this.#protocolError(error);
      const problem = makeProblem(reported);
      this.logProblem(problem, reported);
      return problem;
    });
  }

  #protocolError(error: Error & { code?: string; reason?: string }): SledgeError {
    switch (error.code) {
      case 'HPE_HEADER_OVERFLOW': {
        const limitBytes = this.options.maxHeaderBytes;
        return new SledgeError('SLEDGE_ERR_HTTP_HEADERS_TOO_LARGE', { limitBytes });
      }
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return new SledgeError('SLEDGE_ERR_HTTP_TIMEOUT');
      default: {
        const reason = error.reason ?? error.message;
        return new SledgeError('SLEDGE_ERR_HTTP_BAD_REQUEST', { reason });
      }
    }
  }
}

/** Resolves when all its connections have ended; the port is free at once. */
function closed(server: Server): Promise<void> {
  // The HTTP server's own would cut idle connections at once.
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
}

function isProtocolError(code: string | undefined): boolean {
  return code !== undefined && (code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT');
}

function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const value = String(request.headers.expect).slice(0, 40);
  const problem = makeProblem(new SledgeError('SLEDGE_ERR_HTTP_EXPECTATION', { value }));
  response.writeHead(problem.status, [...problem.headers, 'Connection', 'close']);
  response.end(problem.body);
}
