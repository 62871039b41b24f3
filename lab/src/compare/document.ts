import { z } from '@sledge/core';

const distribution = z
  .object({
    mean: z.number(),
    p50: z.number(),
    p90: z.number(),
    p99: z.number(),
    p999: z.number(),
    max: z.number(),
  })
  .describe('Microseconds, or ratios where it is a slowdown.');

const classResult = z.object({
  name: z.string(),
  requests: z.number().describe('Planned and measured.'),
  sojournUs: distribution.describe('From the intended send time to the last byte, in us.'),
  slowdown: distribution.describe("Sojourn time over the request's own service time."),
  missRate: z.number().describe('Share of requests without a good answer by their deadline.'),
  cdf: z
    .array(z.tuple([z.number(), z.number()]))
    .describe('[slowdown, share of requests at or below it], ascending.'),
});

const run = z.object({
  workload: z.string(),
  variant: z.string(),
  load: z.number().describe('Offered, as a share of capacity: workers / mean service time.'),
  repeat: z.number().describe('From 0; the runs of one repeat saw the same requests.'),
  order: z.number().describe('Place in time among all runs.'),
  seed: z.number(),
  offeredRps: z.number(),
  goodputRps: z.number().describe('Good answers within their deadline per second.'),
  missRate: z.number().describe('Over all classes, so weighted by their share.'),
  slowdown: distribution.describe('Over all classes.'),
  classes: z.array(classResult),
  series: z
    .array(
      z.object({
        atS: z.number(),
        answered: z.number(),
        missed: z.number(),
        p50Us: z.number(),
        p99Us: z.number(),
      }),
    )
    .describe('Over time, by intended send time; virtual time counts from the first measured one.'),
  counts: z
    .record(z.string(), z.number())
    .describe('sent, late, dropped, neverSent, failed and others, as the engine counts.'),
  doubts: z.array(z.string()).describe('Why this run says less than it should. Empty: nothing.'),
});

const interval = z.object({ estimate: z.number(), low: z.number(), high: z.number() });

const cell = z.object({
  workload: z.string(),
  variant: z.string(),
  load: z.number(),
  metric: z.string().describe('Such as slowdown.p99, short/slowdown.p999, missRate.'),
  median: interval.describe('Over the repeats; low and high are ±1e308 when unbounded.'),
});

const comparison = z.object({
  workload: z.string(),
  a: z.string(),
  b: z.string(),
  load: z.number(),
  metric: z.string(),
  kind: z.enum(['ratio', 'difference']).describe('Of b to a, run by run.'),
  change: interval,
  verdict: z.enum(['lower', 'higher', 'within noise', 'too few runs']).describe('Of b, beside a.'),
});

/** The document of `sledge compare --json`. A new number is a change that readers must know of. */
export const compareDocumentSchema = z.object({
  schema: z.literal('sledge-compare/2'),
  command: z.string().describe('What to type to repeat it.'),
  startedAt: z.string().optional().describe('Not in virtual time, where it is of no account.'),
  engine: z.enum(['live', 'simulated', 'remote']),
  labels: z.array(z.string()).describe('What makes the figures special, such as too few cores.'),
  machine: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .describe('In virtual time: what is simulated, and the costs of its mechanisms.'),
  config: z.unknown().describe('The experiment with its defaults filled.'),
  confidence: z.number(),
  variants: z.array(z.object({ name: z.string(), policies: z.record(z.string(), z.string()) })),
  runs: z.array(run),
  cells: z.array(cell),
  comparisons: z.array(comparison),
});

export type CompareDocument = z.infer<typeof compareDocumentSchema>;
export type CompareRun = z.infer<typeof run>;
export type CompareCell = z.infer<typeof cell>;
export type Comparison = z.infer<typeof comparison>;
export type Verdict = Comparison['verdict'];

/** The schema of the document as JSON Schema. */
export function compareJsonSchema(): unknown {
  return z.toJSONSchema(compareDocumentSchema);
}
