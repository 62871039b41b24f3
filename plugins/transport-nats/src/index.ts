import { definePlugin, tokens } from '@sledge/core';
import { transportOptions } from './options';
import { NatsTransport } from './transport';

/** NATS: requests to any node that has the function, and durable work by JetStream. */
export default definePlugin({
  name: 'transport-nats',
  kind: 'transport',
  apiVersion: 1,
  options: transportOptions,
  create(options, ctx) {
    return new NatsTransport(options, ctx.container.resolve(tokens.TransportHost), ctx.logger);
  },
});
