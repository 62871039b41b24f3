import { definePlugin, tokens } from '@sledge/core';
import { Arrivals, loopTimes } from './arrivals';
import { httpOptions } from './options';
import { HttpTransport } from './transport';

/** HTTP/1.1: a listener per tenant port, each request an invocation. */
export default definePlugin({
  name: 'transport-http',
  kind: 'transport',
  apiVersion: 1,
  options: httpOptions,
  create(options, ctx) {
    const host = ctx.container.resolve(tokens.TransportHost);
    return new HttpTransport(options, host, ctx.logger, new Arrivals(loopTimes(ctx.clock)));
  },
});
