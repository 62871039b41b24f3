import { definePlugin, tokens } from '@sledge/core';
import { erpcOptions } from './options';
import { ErpcTransport } from './transport';

/** eRPC: a listener per tenant, each RPC an invocation by its request type. */
export default definePlugin({
  name: 'transport-erpc',
  kind: 'transport',
  apiVersion: 1,
  options: erpcOptions,
  create(options, ctx) {
    return new ErpcTransport(options, ctx.container.resolve(tokens.TransportHost), ctx.logger);
  },
});
