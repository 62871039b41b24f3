import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/estimator-oracle/estimator-oracle.so',
);

/** The true service time where it is known beforehand. */
export default definePlugin({
  name: 'estimator-oracle',
  kind: 'estimator',
  apiVersion: 1,
  options: z.strictObject({
    /** Estimate where the truth is unknown and there is no `expectedExecutionUs`. */
    unknownUs: z.number().positive().max(3_600_000_000).default(1000),
  }),
  provides: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
