import { SledgeError, z } from '@sledge/core';
import type { NativeRpcClientOptions } from '@sledge/core';

const ipv4 = z.ipv4();

const schema = z.strictObject({
  /** Address on which it listens for session management, and for data. */
  host: ipv4.default('127.0.0.1'),
  /** How servers reach it, when that is another address or a name. */
  advertiseHost: z.string().max(127).default(''),
  /** Of session management; 0: any free one. Upstream's peers want 31850 to 31881. */
  port: z.int().min(0).max(65_535).default(0),
  backend: z.enum(['udp', 'dpdk']).default('udp'),
  /** For dpdk: the backend's shared object and the device. */
  library: z.string().default(''),
  device: z.string().default(''),
  /** For dpdk: the address of the device; '': made from its MAC. */
  dataHost: z.union([ipv4, z.literal('')]).default(''),
  hugePages: z.boolean().default(true),
  memoryMib: z.int().min(16).max(65_536).default(64),
  /** Slots per session, a power of two; as the server's. */
  requestWindow: z.int().min(1).max(1_024).default(8),
  /** Packets under way per session; as the server's. */
  credits: z.int().min(1).max(1_024).default(32),
  ringEntries: z.int().min(64).max(32_768).default(4_096),
  rssQueues: z.int().min(1).max(256).default(16),
  /** Calls that may wait for the client's thread. */
  maxWaiting: z.int().min(1).max(1_048_576).default(65_536),
  /** The server's responseFormat. */
  format: z.enum(['sledge', 'sledgescale', 'raw']).default('sledge'),
});

export type ErpcClientOptions = z.input<typeof schema>;
export type CheckedOptions = z.output<typeof schema>;

/** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT, naming each wrong option. */
export function checkOptions(options: ErpcClientOptions): CheckedOptions {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`,
  );
  throw new SledgeError('SLEDGE_ERR_CLIENT_ARGUMENT', { reason: problems.join('; ') });
}

/** A new client is another one to its peers: they must not take it for an earlier life. */
export function nativeOptions(options: CheckedOptions): NativeRpcClientOptions {
  const seed = Math.floor(Math.random() * 2 ** 53);
  return { ...options, dataPort: 0, busyPollUs: 0, queues: 1, seed };
}
