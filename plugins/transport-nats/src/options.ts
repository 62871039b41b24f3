import { z } from '@sledge/core';
import { natsCredentials, natsOptions, nodeName } from '@sledge/nats-connection';

const durationMs = (least: number, most: number) => z.int().min(least).max(most);
const DAY_MS = 86_400_000;

/** Work that waits in JetStream until a node has done it. */
const durableOptions = z.strictObject({
  /** Of one tenant, at this node at once. */
  maxInFlight: z.int().min(1).max(10_000).default(16),
  /** What fails at this delivery or a later one is a dead letter. */
  maxAttempts: z.int().min(1).max(1_000).default(5),
  /** Deliveries beyond those, for what nodes give back or take with them when they go. */
  maxReturns: z.int().min(0).max(10_000).default(100),
  /** After the first failure; each further one doubles it. */
  backoffMs: durationMs(1, DAY_MS).default(1_000),
  backoffMaxMs: durationMs(1, DAY_MS).default(60_000),
  /** A node that says nothing for so long has lost what it works on. */
  ackWaitMs: durationMs(300, DAY_MS).default(30_000),
  /** Waiting in a tenant's stream; more are refused. */
  maxQueued: z.int().min(1).max(1e9).default(1_000_000),
  /** A second submission of the same id is none for so long. */
  duplicateWindowMs: durationMs(100, DAY_MS).default(120_000),
  /** Results and dead letters are kept for so long. */
  resultAgeMs: durationMs(1_000, 365 * DAY_MS).default(3_600_000),
  deadAgeMs: durationMs(1_000, 365 * DAY_MS).default(7 * DAY_MS),
  /** Of the streams that a node makes. */
  replicas: z.int().min(1).max(5).default(1),
  storage: z.enum(['file', 'memory']).default('file'),
});

/** What nodes tell each other. */
const peerOptions = z.strictObject({
  /** Between two reports of this node's load. */
  reportMs: durationMs(10, 60_000).default(100),
  /** A node that says nothing for so long is lost, with what it was sent. */
  silenceMs: durationMs(50, 600_000).default(3_000),
});

/** Parameters of transport-nats; the README says what each is for. */
export const transportOptions = natsOptions.extend({
  /** This node in answers and subjects; unique. Default: its host's name. */
  node: nodeName,
  /** Requests at once; more are told to try another node. */
  maxInFlight: z.int().min(1).max(1_000_000).default(1_024),
  /** Nodes know of each other's load, and a placement may send requests on. Absent: they do not. */
  peers: peerOptions.optional(),
  /** Absent: none is taken. */
  durable: durableOptions.optional(),
  /** By tenant: credentials of an account of its own. With any, only these are served. */
  tenants: z.record(z.string(), z.strictObject({ credentials: natsCredentials })).optional(),
});

export type TransportOptions = z.output<typeof transportOptions>;
export type DurableOptions = z.output<typeof durableOptions>;
