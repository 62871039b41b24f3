import { hostname } from 'node:os';
import { z } from '@sledge/core';

const file = z.string().min(1).max(4096);

/** Who one is to NATS; each secret is in a file that others may not read (0600 or 0640). */
export const natsCredentials = z.union([
  /** A `.creds` file: a user's JWT and seed, as `nsc` writes it. */
  z.strictObject({ credsFile: file }),
  /** The seed of a user nkey (`SU...`). */
  z.strictObject({ nkeyFile: file }),
  z.strictObject({ user: z.string().min(1).max(256), passwordFile: file }),
]);

export type NatsCredentials = z.output<typeof natsCredentials>;

/** One token of a subject. */
export const natsName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'a name of letters, digits, "_" and "-"');

/**
 * What this node is called, by all that it says over NATS. Two servers of one machine need a name
 * each: by default it is the host's.
 */
export const nodeName = natsName.default(hostNode);

function hostNode(): string {
  const name = hostname().replace(/[^A-Za-z0-9_-]/g, '-');
  return name.replace(/^[^A-Za-z0-9]+/, '').slice(0, 64) || 'node';
}

/** How NATS is reached. Paths are relative to the working directory. */
export const natsOptions = z.strictObject({
  servers: z.array(z.string().min(1).max(512)).min(1).max(32).default(['nats://127.0.0.1:4222']),
  credentials: natsCredentials.optional(),
  /** With it the connection is encrypted or refused. */
  tls: z
    .strictObject({
      /** Authorities of the server's certificate; without, those of the system. */
      caFile: file.optional(),
      /** Of this client, when the server verifies. */
      certFile: file.optional(),
      keyFile: file.optional(),
    })
    .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
      message: 'certFile and keyFile belong together',
    })
    .optional(),
  connectTimeoutMs: z.int().min(100).max(60_000).default(2_000),
  /** Between two attempts, with jitter. */
  reconnectWaitMs: z.int().min(10).max(60_000).default(500),
  /** Without a pong for twice as long the connection counts as lost. */
  pingIntervalMs: z.int().min(100).max(600_000).default(5_000),
});

export type NatsOptions = z.output<typeof natsOptions>;
