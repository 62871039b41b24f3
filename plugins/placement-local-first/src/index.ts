import { definePlugin, z } from '@sledge/core';
import { LocalFirst } from './local-first';

/** Here while the wait leaves time; else at a peer that has it. */
export default definePlugin({
  name: 'placement-local-first',
  kind: 'placement',
  apiVersion: 1,
  options: z.strictObject({
    /** Peers that are compared, chosen by chance. */
    choices: z.int().min(1).max(64).default(2),
    /** Of the slack, for what estimates do not know: a share that waiting may not use. */
    reserve: z.number().min(0).max(0.95).default(0.3),
    /** Once requests of a function are sent away, so much less wait is needed to keep them here. */
    hysteresis: z.number().min(0).max(0.95).default(0.2),
    /** A request without a deadline waits here so long. */
    patienceUs: z.int().min(0).max(3_600_000_000).default(100_000),
    /** A load that was reported longer ago is not believed. */
    reportAgeMs: z.int().min(1).max(3_600_000).default(3000),
    /** What has come so often from node to node stays. */
    hops: z.int().min(0).max(8).default(1),
    /** What no known node would end in time is refused; else it runs where it waits less. */
    refuses: z.boolean().default(false),
  }),
  create: (options) => new LocalFirst(options),
});
