import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/estimator-ewma/estimator-ewma.so',
);

/** Exponentially weighted moving average of the service times of a type. */
export default definePlugin({
  name: 'estimator-ewma',
  kind: 'estimator',
  apiVersion: 1,
  options: z.strictObject({
    /** Weight of the newest sample. */
    weight: z.number().min(0.000001).max(1).default(0.125),
    /** Estimate without samples and without `expectedExecutionUs`. */
    unknownUs: z.number().positive().max(3_600_000_000).default(1000),
  }),
  provides: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
