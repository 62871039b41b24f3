import { definePlugin, z } from '@sledge/core';

/** What comes from clients of the tenant `web` is sent to any peer, whatever its load. */
export default definePlugin({
  name: 'web-away',
  kind: 'placement',
  apiVersion: 1,
  options: z.strictObject({}),
  create: () => ({
    place: ({ tenant, hops }, nodes) =>
      tenant === 'web' && hops === 0 ? Math.floor(nodes.random() * nodes.length) : 'local',
  }),
});
