import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/dispatch-shinjuku/dispatch-shinjuku.so',
);

/** A queue for each function; nothing runs longer than an interval while others wait. */
export default definePlugin({
  name: 'dispatch-shinjuku',
  kind: 'dispatcher',
  apiVersion: 1,
  options: z.strictObject({
    /** Longest turn in microseconds while others wait. */
    intervalUs: z.number().min(1).max(60_000_000).default(15),
    /** Where a preempted request goes on: anywhere if the sandbox allows it, or where it was. */
    resume: z.enum(['any-worker', 'same-worker']).default('any-worker'),
    /** Counts as deadline of requests that have none. */
    defaultDeadlineUs: z.number().min(1).max(3_600_000_000).default(1_000_000),
  }),
  needs: ['preemption'],
  create: (options) => ({ native: { library, options } }),
});
