import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/dispatch-global-queue/dispatch-global-queue.so',
);

/** One queue for all workers; whoever is idle takes from its head. */
export default definePlugin({
  name: 'dispatch-global-queue',
  kind: 'dispatcher',
  apiVersion: 1,
  options: z.strictObject({
    /** Requests that an idle worker takes at once. */
    batch: z.int().min(1).max(1024).default(1),
  }),
  create: (options) => ({ native: { library, options } }),
});
