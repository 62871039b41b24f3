import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import type { SledgeConfig } from '../config/schema';
import { bearerTokens } from './access';
import { listenOnPort, listenOnSocket } from './listen';
import type { AdminListener } from './listen';
import type { AdminTarget } from './routes';

export type { AdminListener } from './listen';
export type { AdminTarget } from './routes';
export type { Phase } from './schemas';

/**
 * Every listener of the admin API that a configuration asks for.
 * @throws SledgeError SLEDGE_ERR_ADMIN_LISTEN or _TOKENS; then none of them listens.
 */
export async function openAdmin(
  target: AdminTarget,
  { host, port, socket, tokensFile }: SledgeConfig['admin'],
): Promise<AdminListener[]> {
  const access = tokensFile === undefined ? undefined : bearerTokens(tokensFile);
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
  if (port !== undefined) {
    await add(`${host}:${port}`, listenOnPort(target, { host, port }, access));
  }
  if (socket !== undefined) await add(socket, listenOnSocket(target, socket));
  return open;
}
