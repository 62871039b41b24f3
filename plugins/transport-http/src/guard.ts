import { createServer } from 'node:http';
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { KeyFile, SledgeError, TlsIdentity } from '@sledge/core';
import type { FunctionHandle, TenantView, TlsFiles, TransportHost, WatchFiles } from '@sledge/core';
import type { Logger } from 'pino';

/** What stands before the functions of a listener: its certificate, and keys of its tenants. */
export class Guard {
  readonly #watch: WatchFiles;
  readonly #files: TlsFiles | undefined;
  readonly #tls: TlsIdentity | undefined;
  /** By path. */
  readonly #keyFiles = new Map<string, KeyFile>();
  #keysOfTenants = new Map<string, KeyFile>();
  /** Accepted, and still shaking hands, by the client's address. */
  readonly #greeting = new Map<string, Socket>();

  /** @throws SledgeError SLEDGE_ERR_TLS_FILES or SLEDGE_ERR_KEYS_FILE. */
  constructor(
    host: TransportHost,
    private readonly logger: Logger,
    tenants: readonly TenantView[],
  ) {
    this.#watch = host.watchFiles?.bind(host) ?? neverChanges;
    this.#files = tlsOf(tenants);
    this.#tls = this.#files && new TlsIdentity(this.#files, logger);
    this.update(tenants);
  }

  get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  /** A client is connected, and can send requests. */
  get connected(): 'secureConnection' | 'connection' {
    return this.isSecure ? 'secureConnection' : 'connection';
  }

  createServer(
    settings: ServerOptions,
    onRequest: RequestListener,
    handshakeTimeoutMs: number,
  ): Server {
    const tls = this.#tls;
    if (tls === undefined) return createServer(settings, onRequest);
    const options = { ...settings, ...tls.serverOptions(handshakeTimeoutMs) };
    const server = createTlsServer(options, onRequest);
    server.on('connection', (socket: Socket) => {
      const address = addressOf(socket);
      this.#greeting.set(address, socket);
      socket.once('close', () => this.#greeting.delete(address));
    });
    server.on('secureConnection', (socket) => this.#greeting.delete(addressOf(socket)));
    tls.attach(server, this.#watch);
    return server;
  }

  /** Ends connections that have not finished their handshake. */
  endGreeting(): void {
    for (const socket of this.#greeting.values()) socket.destroy();
  }

  /** False: these tenants want another certificate. */
  fits(tenants: readonly TenantView[]): boolean {
    return isSame(tlsOf(tenants), this.#files);
  }

  /** Keys of other files from now on. @throws SledgeError SLEDGE_ERR_KEYS_FILE; nothing changed. */
  update(tenants: readonly TenantView[]): void {
    const before = new Set(this.#keyFiles.keys());
    const keys = new Map<string, KeyFile>();
    for (const { name, keysFile } of tenants) {
      if (keysFile === undefined) continue;
      const known = this.#keyFiles.get(keysFile);
      const file = known ?? new KeyFile(keysFile, this.#watch, this.logger);
      this.#keyFiles.set(keysFile, file);
      keys.set(name, file);
      before.delete(keysFile);
    }
    this.#keysOfTenants = keys;
    for (const file of before) {
      this.#keyFiles.get(file)?.close();
      this.#keyFiles.delete(file);
    }
  }

  /** The keys of which a caller needs one; undefined: none. */
  keysOf(fn: FunctionHandle): KeyFile | undefined {
    return fn.isOpen === true ? undefined : this.#keysOfTenants.get(fn.tenant);
  }

  /** What it has counted, by name. */
  stats(): Record<string, number> {
    const all: Record<string, number> = { ...this.#tls?.stats() };
    for (const file of this.#keyFiles.values()) {
      for (const [name, value] of Object.entries(file.stats()))
        all[name] = (all[name] ?? 0) + value;
    }
    return all;
  }

  close(): void {
    this.#tls?.detach();
    for (const file of this.#keyFiles.values()) file.close();
    this.endGreeting();
  }
}

/** Of those that share an address, each names the same or none. */
function tlsOf(tenants: readonly TenantView[]): TlsFiles | undefined {
  const [first, ...others] = tenants.map(({ tls }) => tls);
  if (others.every((tls) => isSame(tls, first))) return first;
  const reason = 'tenants that share a port name different certificates';
  throw new SledgeError('SLEDGE_ERR_TLS_FILES', { path: first?.certFile ?? 'none', reason });
}

function isSame(one: TlsFiles | undefined, other: TlsFiles | undefined): boolean {
  const keys = ['certFile', 'keyFile', 'clientCaFile'] as const;
  return keys.every((key) => one?.[key] === other?.[key]);
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A host that cannot watch files. */
function neverChanges(): () => void {
  return () => undefined;
}
