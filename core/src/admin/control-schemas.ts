import { z } from 'zod';
import { CONTROL_ACTIONS } from '../functions/live-function';

const version = z.int().min(0).describe("0 is the configuration's.");
const rate = z.number().min(0).max(1);
const source = z.enum(['config', 'deployed']);

export const tenantParams = z.object({ tenant: z.string().min(1).max(64) });
export const functionParams = tenantParams.extend({ name: z.string().min(1).max(64) });

export const rollbackRule = z.strictObject({
  requests: z.int().min(1).max(1_000_000).describe('That end, until the rates are looked at.'),
  errorRate: rate.optional().describe('Part that may end otherwise than completed.'),
  missRate: rate.optional().describe('Part that may end after its deadline.'),
});

/** Of a deployment, beside the module. */
export const deployQuery = z.strictObject({
  settings: z
    .string()
    .max(16_384)
    .exactOptional()
    .describe('JSON: settings as in the configuration. Default: those that serve now.'),
  split: z.coerce
    .number()
    .gt(0)
    .lt(100)
    .exactOptional()
    .describe('Percent of the requests for the new version. Default: all of them.'),
  errorRate: z.coerce.number().min(0).max(1).optional(),
  missRate: z.coerce.number().min(0).max(1).optional(),
  requests: z.coerce.number().int().min(1).max(1_000_000).optional(),
});

export const rollbackBody = z
  .strictObject({ version: version.exactOptional().describe('Default: what served before.') })
  .nullish();

export const splitBody = z.strictObject({
  versions: z
    .array(z.strictObject({ version, weight: z.number().min(0).max(1_000_000) }))
    .min(1)
    .max(2)
    .refine((all) => all.some(({ weight }) => weight > 0), 'one needs a weight above 0')
    .refine((all) => new Set(all.map((one) => one.version)).size === all.length, 'two of a kind')
    .describe('One that serves alone, or two. The one that serves now is the stable one.'),
  rollback: rollbackRule.exactOptional().describe('When the other one is given up by itself.'),
});

export const tenantBody = z
  .looseObject({ name: z.never('the path names the tenant').exactOptional() })
  .describe('Settings of a tenant as in the configuration, without name and functions.');

const split = z
  .object({
    versions: z.array(
      z.object({
        version: z.int(),
        weight: z.number(),
        requests: z.int(),
        errors: z.int(),
        misses: z.int(),
      }),
    ),
    rollback: rollbackRule.optional(),
  })
  .nullable();

export const functionSummary = z.object({
  tenant: z.string(),
  name: z.string(),
  source: source.describe('Where the version that serves comes from.'),
  state: z.enum(['serving', 'failed']),
  failure: z.string().optional(),
  version: z.int().nullable().describe('The one that serves.'),
  hash: z.string().optional().describe('sha256 of its .wasm.'),
  route: z.string().optional(),
  requestType: z.int().optional(),
  split,
});
export const functionSummaries = z.array(functionSummary);

export const functionReport = functionSummary.extend({
  before: z.int().nullable().describe('What a rollback would bring back.'),
  versions: z.array(
    z.object({
      version: z.int(),
      hash: z.string(),
      source,
      at: z.string(),
      settings: z.record(z.string(), z.unknown()),
    }),
  ),
  events: z.array(
    z.object({
      at: z.string(),
      action: z.enum(CONTROL_ACTIONS),
      version: z.int(),
      reason: z.string().optional(),
    }),
  ),
});

export const tenantReport = z.object({
  name: z.string(),
  source,
  port: z.int().optional(),
  host: z.string().optional(),
  settings: z.looseObject({}),
  functions: z.int(),
  listeners: z.array(z.object({ transport: z.string(), url: z.string() })),
});
export const tenantReports = z.array(tenantReport);

export const deployed = z.object({
  version: z.int(),
  hash: z.string(),
  function: functionReport,
});
export const done = z.object({ status: z.literal('done') });
export const draining = z.object({ status: z.literal('draining') });
