import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/estimator-noisy/estimator-noisy.so',
);

/** The true service time times a random factor. */
export default definePlugin({
  name: 'estimator-noisy',
  kind: 'estimator',
  apiVersion: 1,
  options: z.strictObject({
    /** The factor is uniform in [1 - error, 1 + error]. */
    error: z.number().min(0).max(1).default(0.5),
    /** Estimate where the truth is unknown and there is no `expectedExecutionUs`. */
    unknownUs: z.number().positive().max(3_600_000_000).default(1000),
  }),
  provides: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
