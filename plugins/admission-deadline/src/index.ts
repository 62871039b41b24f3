import path from 'node:path';
import { definePlugin, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/admission-deadline/admission-deadline.so',
);

/** Refuses at once what cannot meet its deadline behind the queued work. */
export default definePlugin({
  name: 'admission-deadline',
  kind: 'admission',
  apiVersion: 1,
  options: z.strictObject({
    /** How late a request may be by the estimate and still be let in. */
    slackUs: z.int().min(0).max(3_600_000_000).default(0),
    /** Workers looked at for each request. */
    workersMax: z.int().min(1).max(4096).default(64),
    /** Most of a relative deadline that is left for the answer to leave; 0: nothing. */
    replyMaxShare: z.number().min(0).max(0.9).default(0.5),
  }),
  provides: ['admission'],
  needs: ['estimates'],
  create: (options) => ({ native: { library, options } }),
});
