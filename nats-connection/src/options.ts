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
