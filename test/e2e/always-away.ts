import { definePlugin, z } from '@sledge/core';

/** What comes from a client is sent to the first peer, whatever its load. */
export default definePlugin({
  name: 'always-away',
  kind: 'placement',
  apiVersion: 1,
  options: z.strictObject({}),
  create: () => ({ place: ({ hops }) => (hops === 0 ? 0 : 'local') }),
});
