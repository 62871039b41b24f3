import { defineScheduler, z } from '@sledge/core';
import type { RequestView } from '@sledge/core';

/** When it must start at the latest; the same order as by laxity, and it stands while it waits. */
function latestStartNs({ deadlineNs, remainingNs }: RequestView): number {
  return Math.min(Math.max(deadlineNs - remainingNs, 0), Number.MAX_SAFE_INTEGER);
}

/** Least laxity first: what can wait the shortest runs. */
export default defineScheduler({
  name: 'least-laxity-first',
  options: z.strictObject({
    /** Less to spare by this much, or it does not preempt: two equals would take turns for ever. */
    marginUs: z.number().min(0).max(1e6).default(5),
  }),
  provides: ['preemptive-order'],
  create: ({ marginUs }) => ({
    rank: latestStartNs,
    preempts: (candidate, running) =>
      latestStartNs(candidate) + marginUs * 1000 < latestStartNs(running),
  }),
});
