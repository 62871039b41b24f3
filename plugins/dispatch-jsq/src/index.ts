import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/dispatch-jsq/dispatch-jsq.so',
);

/** Join the shortest queue. */
export default definePlugin({
  name: 'dispatch-jsq',
  kind: 'dispatcher',
  apiVersion: 1,
  options: z.strictObject({
    /** Ask the worker's scheduler whether the new request takes the worker at once. */
    interrupts: z.boolean().default(false),
  }),
  provides: ['run-queues'],
  needs: ({ interrupts }) => (interrupts ? ['preemption', 'preemptive-order'] : []),
  create: (options) => ({ native: { library, options } }),
});
