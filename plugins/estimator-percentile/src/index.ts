import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/estimator-percentile/estimator-percentile.so',
);

/** A percentile of the last 256 service times of a type, for all workers or for each. */
export default definePlugin({
  name: 'estimator-percentile',
  kind: 'estimator',
  apiVersion: 1,
  options: z.strictObject({
    /** Percentile of the window. */
    percentile: z.int().min(1).max(100).default(90),
    /** Samples before the window is believed. */
    minSamples: z.int().min(1).max(256).default(8),
    /** Estimate without samples and without `expectedExecutionUs`. */
    unknownUs: z.number().positive().max(3_600_000_000).default(1000),
    /** A window for each worker as well, used for what is assigned to it. */
    perWorker: z.boolean().default(false),
  }),
  provides: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
