import { definePlugin, z } from '@sledge/core';
import { PowerOfTwo } from './power-of-two';

/** The least loaded of some nodes chosen by chance. */
export default definePlugin({
  name: 'placement-power-of-two',
  kind: 'placement',
  apiVersion: 1,
  options: z.strictObject({
    /** Nodes that are compared. */
    choices: z.int().min(1).max(64).default(2),
    /** The node itself is always among them; else it is one of all. */
    localIsChoice: z.boolean().default(true),
    /** A load that was reported longer ago is not believed. */
    reportAgeMs: z.int().min(1).max(3_600_000).default(3000),
    /** What has come so often from node to node stays. */
    hops: z.int().min(0).max(8).default(1),
  }),
  create: (options) => new PowerOfTwo(options),
});
