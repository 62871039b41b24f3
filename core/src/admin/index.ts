import pino from 'pino';
import type { Logger } from 'pino';
import { isLoopback } from '../config/admin-schema';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import type { SledgeConfig } from '../config/schema';
import { TlsIdentity } from '../security/tls';
import type { WatchFiles } from '../security/tls';
import { bearerTokens } from './access';
import { listenOnPort, listenOnSocket } from './listen';
import type { AdminListener } from './listen';
import type { AdminTarget } from './routes';

export type { AdminListener } from './listen';
export type { AdminTarget } from './routes';
export type { Phase } from './schemas';

/** What the listeners use of a server. */
export interface AdminServices {
  readonly logger?: Logger;
  readonly watchFiles?: WatchFiles;
}

/**
 * Every listener of the admin API that a configuration asks for.
 * @throws SledgeError SLEDGE_ERR_ADMIN_LISTEN or _TOKENS, or SLEDGE_ERR_TLS_FILES; then none of
 * them listens.
 */
export async function openAdmin(
  target: AdminTarget,
  { host, port, socket, tokensFile, tls: tlsFiles }: SledgeConfig['admin'],
  { logger, watchFiles }: AdminServices = {},
): Promise<AdminListener[]> {
  const access = tokensFile === undefined ? undefined : bearerTokens(tokensFile);
  const tls = tlsFiles && new TlsIdentity(tlsFiles, logger ?? pino({ level: 'silent' }));
  if (port !== undefined && !isLoopback(host) && tls === undefined) {
    logger?.warn({ host }, 'the tokens of the admin API cross the network in the clear: admin.tls');
  }
  const open: AdminListener[] = [];
  const add = async (address: string, listening: Promise<AdminListener>): Promise<void> => {
    try {
      open.push(await listening);
    } catch (error) {
      await Promise.all(open.map((listener) => listener.close()));
      const details = { address, reason: reasonOf(error) };
      throw new SledgeError('SLEDGE_ERR_ADMIN_LISTEN', details, { cause: error });
    }
  };
  const guard = { access, tls, watchFiles };
  if (port !== undefined) {
    await add(`${host}:${port}`, listenOnPort(target, { host, port }, guard));
  }
  if (socket !== undefined) await add(socket, listenOnSocket(target, socket));
  return open;
}
