import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { everybodyIs } from './access';
import type { TlsIdentity, WatchFiles } from '../security/tls';
import type { Access } from './access';
import { makeAdminApp } from './admin-app';
import type { AdminTarget } from './routes';

export interface AdminListener {
  /** `http://host:port`, or the path of a socket. */
  readonly url: string;
  /** Cuts what is connected. Idempotent. */
  close(): Promise<void>;
  /** What it has counted, by name. */
  stats(): Record<string, number>;
}

/**
 * The admin API on a Unix socket of mode 0600: whoever can open it is this user, and an operator.
 * @throws Error of the system when the socket cannot be made.
 */
export async function listenOnSocket(target: AdminTarget, file: string): Promise<AdminListener> {
  const access = everybodyIs('operator');
  const app = await makeAdminApp(target, {
    ...{ access, checksHost: false, isPrivate: true, asksProof: false },
  });
  removeSocket(file);
  const mask = process.umask(0o177); // no moment at which others may connect
  const listening = listen(app, { path: file });
  process.umask(mask);
  await listening;
  chmodSync(file, 0o600);
  return { url: file, close: () => close(app), stats: () => ({}) };
}

export interface AdminAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** What guards a port of the admin API. */
export interface AdminGuard {
  /** Undefined: whoever reaches it is a reader. */
  readonly access?: Access | undefined;
  readonly tls?: TlsIdentity | undefined;
  readonly watchFiles?: WatchFiles | undefined;
}

/**
 * The admin API on a port.
 * @throws Error of the system when the port is taken.
 */
export async function listenOnPort(
  target: AdminTarget,
  { host, port }: AdminAddress,
  { access, tls, watchFiles }: AdminGuard = {},
): Promise<AdminListener> {
  const app = await makeAdminApp(target, {
    access: access ?? everybodyIs('reader'),
    checksHost: access === undefined,
    isPrivate: false,
    asksProof: access !== undefined,
    tls,
  });
  if (watchFiles !== undefined) tls?.attach(app.server as TlsServer, watchFiles);
  await listen(app, { host, port });
  const bound = (app.server.address() as AddressInfo).port;
  return {
    url: `http${tls === undefined ? '' : 's'}://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    stats: () => tls?.stats() ?? {},
    close: () => {
      tls?.detach();
      return close(app);
    },
  };
}

/** Not fastify's own listen: that binds some turns later, and for localhost more than once. */
function listen(app: FastifyInstance, where: { path: string } | AdminAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    app.server.once('error', reject).listen(where, () => {
      app.server.off('error', reject).on('error', () => undefined);
      resolve();
    });
  });
}

async function close(app: FastifyInstance): Promise<void> {
  await new Promise<void>((resolve) => {
    app.server.close(() => resolve());
    app.server.closeAllConnections();
  });
  await app.close();
}

/**
 * What a server that died has left; any other file stays, and listening fails. With bigint: what a
 * stat says without it is seen by Node's next realpath, which stops at a socket (Node 20).
 */
export function removeSocket(file: string): void {
  const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  if (found?.isSocket() === true) unlinkSync(file);
}
