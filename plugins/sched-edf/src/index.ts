import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(__dirname, '../../../build/native/plugins/sched-edf/sched-edf.so');

/** Earliest absolute deadline first, with a rule for what is overdue. */
export default definePlugin({
  name: 'sched-edf',
  kind: 'scheduler',
  apiVersion: 1,
  options: z.strictObject({
    /** What happens to a request whose deadline has passed. */
    overdue: z.enum(['behind', 'in-order', 'slack']).default('behind'),
    /** With 'behind': the share of each worker that overdue requests get while others wait. */
    overdueShare: z.number().min(0).max(0.9).default(0.1),
    /** With 'behind': what is overdue while it runs keeps the worker if it needs no more. */
    overdueFinishUs: z.number().min(0).max(1000).default(10),
  }),
  provides: ['deadline-order', 'preemptive-order'],
  needs: ['run-queues'],
  create: (options) => ({ native: { library, options } }),
});
