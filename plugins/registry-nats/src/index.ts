import { definePlugin } from '@sledge/core';
import { NatsRegistry } from './nats-registry';
import { registryOptions } from './options';

/** What the nodes of a cluster share, kept by NATS JetStream. */
export default definePlugin({
  name: 'registry-nats',
  kind: 'registry',
  apiVersion: 1,
  options: registryOptions,
  create: (options, ctx) => new NatsRegistry(options, ctx),
});
