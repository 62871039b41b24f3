import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/dispatch-edf-interrupt/dispatch-edf-interrupt.so',
);

/** An idle worker, else one that gives way, else the one where the least work stands before. */
export default definePlugin({
  name: 'dispatch-edf-interrupt',
  kind: 'dispatcher',
  apiVersion: 1,
  options: z.strictObject({}),
  provides: ['run-queues'],
  needs: ['deadline-order', 'preemption'],
  create: (options) => ({ native: { library, options } }),
});
