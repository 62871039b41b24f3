import { isIP } from 'node:net';
import { z } from 'zod';
import type { Problem } from './describe-issues';
import { problem } from './describe-issues';
import { tlsSchema } from './security-schema';

const path = z.string().min(1).max(4096);

/** The admin API; without port and socket only the control socket has it. */
export const adminSchema = z.strictObject({
  host: z.string().min(1).max(255).default('127.0.0.1').describe('Address of its port.'),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Its port; 0 picks a free one; absent: it has none.'),
  socket: path
    .max(100)
    .optional()
    .describe("A Unix socket for this user, relative to the config's folder. Absent: none."),
  tokensFile: path
    .optional()
    .describe(
      "File of bearer tokens, relative to the config's folder, a line `reader TOKEN` or " +
        '`operator TOKEN` for each. Without it who reaches the port may read.',
    ),
  tls: tlsSchema.describe('Certificate of its port. Absent: it has no TLS.'),
});

/** A port that others reach wants to know who they are. */
export function checkAdmin({ host, port, tokensFile }: z.output<typeof adminSchema>): Problem[] {
  if (port === undefined || tokensFile !== undefined || isLoopback(host)) return [];
  const message = `${JSON.stringify(host)} is reached by others: it needs admin.tokensFile`;
  return [problem(['admin', 'host'], message)];
}

/** Only processes of this machine reach it. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}
