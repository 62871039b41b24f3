import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(__dirname, '../../../build/native/plugins/sched-mtdbf/sched-mtdbf.so');

/** A request is promised its deadline if the demand bound of its tenant allows it. */
export default definePlugin({
  name: 'sched-mtdbf',
  kind: 'scheduler',
  apiVersion: 1,
  options: z.strictObject({
    /** The share of each worker that work without a promise gets while promised work waits. */
    defaultShare: z.number().min(0).max(0.9).default(0),
  }),
  provides: ['preemptive-order', 'tenant-budgets'],
  needs: ['run-queues', 'estimates'],
  create: (options) => ({ native: { library, options } }),
});
