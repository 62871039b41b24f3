import { z } from 'zod';

const quantile = z.number().nullable().describe('null: no value in the window.');
const quantiles = z.object({ p50: quantile, p99: quantile, p999: quantile });

const counted = {
  ended: z.number().describe('Requests that have ended since the start.'),
  completed: z.number().describe('Of those, completed.'),
  rejected: z.number().describe('Refused since the start.'),
  missed: z.number().describe('Ended after their deadline since the start.'),
  inFlight: z.number(),
  queued: z.number().describe('In flight and never started yet.'),
  ratePerS: z.number().describe('Ended per second, in the window.'),
  missedPerS: z.number(),
  rejectedPerS: z.number(),
  preemptionsPerS: z.number(),
  sojournUs: quantiles.describe('From arrival to end, of the window.'),
  slowdown: quantiles.describe('Sojourn time over service time, of the window.'),
};

const total = z.object(counted);
export type LiveTotal = z.infer<typeof total>;

const liveFunction = z.object({
  tenant: z.string(),
  function: z.string(),
  accepted: z.number(),
  preemptions: z.number(),
  serviceP50Us: quantile,
  ...counted,
});
export type LiveFunction = z.infer<typeof liveFunction>;

const worker = z.object({
  group: z.string(),
  isIdle: z.boolean(),
  queued: z.number().describe('In its run queue.'),
  runsPerS: z.number(),
  preemptionsPerS: z.number(),
  sandboxShare: z.number().describe('Of the window, in sandboxes; counted when a run ends.'),
  cpuShare: z.number().describe('Of the window, on a core; spinning included.'),
});

const group = z.object({
  group: z.string(),
  held: z.number().describe('By the dispatcher.'),
  queued: z.number().describe('In run queues.'),
  running: z.number(),
  blocked: z.number(),
  interruptsPerS: z.number(),
  refusedPerS: z.number(),
});

const sample = z.object({
  sequence: z.int(),
  at: z.number().describe('Unix time, ms.'),
  seconds: z.number().describe('Length of the window; 0: the first look, which has no rates.'),
  total,
  functions: z.array(liveFunction).describe('The busiest.'),
  functionsLeftOff: z.int(),
  workers: z.array(worker),
  groups: z.array(group),
});
export type LiveSample = z.infer<typeof sample>;

export const SLICE_ENDS = ['finished', 'preempted', 'blocked', 'unfinished'] as const;

const slice = z.object({
  worker: z.int(),
  fromUs: z.number().describe('Since the begin of the window.'),
  toUs: z.number(),
  function: z.string().describe('tenant/function'),
  request: z.number(),
  end: z.enum(SLICE_ENDS),
  isLate: z.boolean().describe('It ended after its deadline.'),
});

export const lanes = z.object({
  at: z.number().describe('Unix time of its end, ms.'),
  windowUs: z.number(),
  isCut: z.boolean().describe('More has happened than the window holds; it ends early.'),
  arrivals: z.int(),
  preemptions: z.int(),
  misses: z.int(),
  slices: z.array(slice),
});
export type Lanes = z.infer<typeof lanes>;
export type LaneSlice = z.infer<typeof slice>;

/** What `GET /live` answers. */
export const liveReport = z.object({
  sequence: z.int().describe('Of the last sample; ask for what comes `after` it.'),
  periodMs: z.int(),
  samples: z.array(sample),
  lanes: lanes.nullable().describe('What the workers ran in a moment of the last second.'),
});
export type LiveReport = z.infer<typeof liveReport>;
