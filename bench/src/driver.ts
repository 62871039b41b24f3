import { configFromObject, createSledge, definePlugin, tokens, z } from '@sledge/core';
import type {
  FunctionHandle,
  Invoker,
  Outcome,
  Sledge,
  SledgeConfigInput,
  TransportHost,
} from '@sledge/core';

/** A server in this process, driven as a transport drives it. */
export interface Driver {
  readonly invoker: Invoker;
  function(name: string): FunctionHandle;
  stop(): Promise<void>;
}

/** Starts the configuration with a transport that hands its invoker out. */
export async function startDriver(config: SledgeConfigInput, folder: string): Promise<Driver> {
  let host: TransportHost | undefined;
  const transport = definePlugin({
    name: 'transport-bench',
    kind: 'transport',
    apiVersion: 1,
    options: z.strictObject({}),
    create(_options, ctx) {
      host = ctx.container.resolve(tokens.TransportHost);
      const nothing = (): Promise<void> => Promise.resolve();
      return { start: nothing, drain: nothing, stop: nothing, listeners: () => [] };
    },
  });
  const full = { ...config, transports: [transport], log: { level: 'warn' as const } };
  const sledge: Sledge = createSledge(configFromObject(full, folder), {});
  await sledge.start();
  if (host === undefined) throw new Error('the transport was not made');
  const { invoker } = host;
  return {
    invoker,
    function(name) {
      const found = sledge.functions().find((handle) => handle.name === name);
      if (found === undefined) throw new Error(`no function ${name}`);
      return found;
    },
    stop: async () => {
      await sledge.stop();
    },
  };
}

const NO_WORDS: readonly string[] = [];

/** One invocation without arguments. @throws Error unless it completes */
export function invokeOnce(driver: Driver, handle: FunctionHandle): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    driver.invoker.invoke(handle, { args: NO_WORDS, environ: NO_WORDS }, (outcome) => {
      if (outcome.status === 'completed') resolve(outcome);
      else reject(new Error(`${handle.name} ended as ${outcome.status}`));
    });
  });
}

/** A call that answers later through its callback. */
export type Submit = (done: () => void) => void;

/**
 * Keeps `inFlight` calls alive, a promise each, until `total` have ended.
 * @returns calls per second
 */
export async function callRate(submit: Submit, inFlight: number, total: number): Promise<number> {
  const started = performance.now();
  let left = total;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await new Promise<void>(submit);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return total / ((performance.now() - started) / 1000);
}
