import { z } from '@sledge/core';

/** Parameters of transport-http; the README says what each is for. */
export const httpOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  maxConnections: z.int().min(1).max(1_000_000).default(10_000),
  maxPipelined: z.int().min(1).max(10_000).default(100),
  maxBodiesBytes: z.int().min(65_536).max(1e12).default(1_073_741_824),
  maxHeaderBytes: z.int().min(1_024).max(1_048_576).default(16_384),
  headersTimeoutMs: z.int().min(100).max(3_600_000).default(10_000),
  requestTimeoutMs: z.int().min(100).max(3_600_000).default(60_000),
  keepAliveTimeoutMs: z.int().min(100).max(3_600_000).default(5_000),
  idleTimeoutMs: z.int().min(100).max(3_600_000).default(60_000),
  drainGraceMs: z.int().min(0).max(60_000).default(100),
  serverTiming: z.boolean().default(true),
});

export type HttpOptions = z.output<typeof httpOptions>;
