import { z } from '@sledge/core';

const port = z.int().min(0).max(65_535);

/** Where one tenant's clients find it; what is not said is as for all. */
const tenantOptions = z.strictObject({
  host: z.ipv4().optional(),
  port: port.optional(),
  dataPort: port.optional(),
  advertiseHost: z.string().max(127).optional(),
});

const pollers = z.union([z.int().min(1).max(16), z.literal('inline')]);

/** Parameters of transport-erpc; the README says what each is for. */
export const erpcOptions = z.strictObject({
  backend: z.enum(['udp', 'dpdk']).default('udp'),
  host: z.ipv4().default('127.0.0.1'),
  advertiseHost: z.string().max(127).default(''),
  port: port.default(31_850),
  dataHost: z.union([z.ipv4(), z.literal('')]).default(''),
  dataPort: port.default(0),
  tenants: z.record(z.string(), tenantOptions).default({}),
  tenantBy: z.enum(['listener', 'clientPort']).default('listener'),
  pollers: pollers.default(1),
  cores: z.array(z.int().min(0).max(1_023)).max(16).default([]),
  idle: z.enum(['adaptive', 'spin']).default('adaptive'),
  spinUs: z.number().min(0).max(1_000_000).default(50),
  responseFormat: z.enum(['sledge', 'sledgescale', 'raw']).default('sledge'),
  requestWindow: z
    .int()
    .min(1)
    .max(1_024)
    .refine((slots) => Number.isInteger(Math.log2(slots)), 'must be a power of two')
    .default(8),
  credits: z.int().min(1).max(1_024).default(32),
  ringEntries: z.int().min(64).max(32_768).default(4_096),
  rssQueues: z.int().min(1).max(256).default(16),
  busyPollUs: z.int().min(0).max(1_000_000).default(0),
  library: z.string().default(''),
  device: z.string().default(''),
  hugePages: z.boolean().default(true),
  memoryMib: z.int().min(16).max(65_536).default(64),
});

export type ErpcOptions = z.output<typeof erpcOptions>;
