import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(__dirname, '../../../build/native/plugins/sched-sjf/sched-sjf.so');

/** Shortest remaining estimate first. */
export default definePlugin({
  name: 'sched-sjf',
  kind: 'scheduler',
  apiVersion: 1,
  options: z.strictObject({
    /** Whether a shorter request may take the worker from a longer one (SRPT). */
    preemption: z.boolean().default(true),
  }),
  provides: ({ preemption }) => (preemption ? ['preemptive-order'] : []),
  needs: ({ preemption }) => ['estimates', 'run-queues', ...(preemption ? ['preemption'] : [])],
  create: (options) => ({ native: { library, options } }),
});
