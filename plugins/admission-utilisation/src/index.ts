import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/admission-utilisation/admission-utilisation.so',
);

/** SLEdge's admission control by utilisation, made atomic. */
export default definePlugin({
  name: 'admission-utilisation',
  kind: 'admission',
  apiVersion: 1,
  options: z.strictObject({
    /** Share of all workers that may be promised. */
    capacity: z.number().min(0.01).max(100).default(0.8),
  }),
  provides: ['admission'],
  needs: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
