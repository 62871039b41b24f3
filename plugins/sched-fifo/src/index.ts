import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(__dirname, '../../../build/native/plugins/sched-fifo/sched-fifo.so');

/** Order of arrival: each request runs to its end, or, with a quantum, in turns. */
export default definePlugin({
  name: 'sched-fifo',
  kind: 'scheduler',
  apiVersion: 1,
  options: z.strictObject({
    /** Longest turn in microseconds while others wait; 0: until the end. */
    quantumUs: z.number().min(0).max(60_000_000).default(0),
  }),
  needs: ({ quantumUs }) => (quantumUs > 0 ? ['preemption'] : []),
  create: (options) => ({ native: { library, options } }),
});
