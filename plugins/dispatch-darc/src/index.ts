import path from 'node:path';
import { definePlugin } from '@sledge/core';
import { darcOptions } from './options';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(
  __dirname,
  '../../../build/native/plugins/dispatch-darc/dispatch-darc.so',
);

/** Workers reserved for groups of functions, shortest first; nothing is preempted. */
export default definePlugin({
  name: 'dispatch-darc',
  kind: 'dispatcher',
  apiVersion: 1,
  options: darcOptions,
  create: ({ reserved, ...rest }) => ({
    native: { library, options: { ...rest, reserved: reserved.join(',') } },
  }),
});
