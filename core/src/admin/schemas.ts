import { z } from 'zod';
import { clusterReport } from './cluster-schemas';
import { SCOPES } from '../metrics/declare';
import { POLICY_KINDS } from '../server/policy-kinds';

const name = z.string().min(1).max(1024);

/** A policy is named by text here: short name, package name or path, with options. */
export const policyChange = z.strictObject({
  kind: z.enum(POLICY_KINDS),
  choice: z
    .union([name, z.tuple([name, z.record(z.string(), z.unknown())])])
    .describe('Short name, package name or path of one file; or [name, options].'),
  group: name.exactOptional().describe('Name of a worker group. Default: the first.'),
});
export type PolicyChangeRequest = z.infer<typeof policyChange>;

const policyDescription = z.object({
  name: z.string(),
  form: z.enum(['native', 'typescript']),
  path: z.string(),
  options: z.unknown(),
});

const groupPolicies = z.object({
  group: z.string().optional(),
  dispatcher: policyDescription,
  scheduler: policyDescription,
  live: z.string().describe('Of its policy thread: none, driving, replaced, or ejected.'),
  events: z.number(),
  orders: z.number(),
  meanRoundTripUs: z.number(),
  meanCallbackUs: z.number(),
  ignored: z.number(),
  swaps: z.number(),
  held: z.number(),
  ejections: z.array(
    z.object({
      group: z.string().optional(),
      policy: z.string(),
      reason: z.string(),
      at: z.string(),
    }),
  ),
});

export const policyStatus = groupPolicies.extend({ groups: z.array(groupPolicies) });
export type PolicyStatusBody = z.infer<typeof policyStatus>;

export const PHASES = ['starting', 'serving', 'draining', 'stopped'] as const;
/** Where a server is in its life. */
export type Phase = (typeof PHASES)[number];

export const alive = z.object({ status: z.literal('alive') });
export const readiness = z.object({ status: z.enum(PHASES) });

export const serverStatus = z.object({
  pid: z.int(),
  phase: z.enum(PHASES),
  uptimeSeconds: z.number(),
  listeners: z.array(
    z.object({
      transport: z.string(),
      tenant: z.string(),
      url: z.string(),
      state: z
        .enum(['connecting', 'joining'])
        .optional()
        .describe('What it listens through is away, or the node waits for its registry.'),
    }),
  ),
  inFlight: z.int().describe('Invocations accepted and not yet ended.'),
  registry: clusterReport.optional().describe('Absent: it is no node of a cluster.'),
});

export const failure = z.object({
  error: z.object({
    code: z.string().describe('Of the error catalogue.'),
    message: z.string(),
    solve: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
});

const quantile = z.number().nullable().describe('null: no value, or beyond the last bound.');

const histogram = z.object({
  sum: z.number(),
  count: z.number(),
  buckets: z.array(z.tuple([z.number(), z.number()])).describe('[upper bound, count at or below]'),
  quantiles: z.object({ p50: quantile, p90: quantile, p99: quantile, p999: quantile }),
});

export const metrics = z.array(
  z.object({
    name: z.string(),
    type: z.enum(['counter', 'gauge', 'histogram', 'untyped']),
    scope: z.enum(SCOPES),
    help: z.string(),
    samples: z.array(
      z.object({
        labels: z.record(z.string(), z.string()),
        value: z.union([z.number(), histogram]),
      }),
    ),
  }),
);
