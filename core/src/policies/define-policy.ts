import { z } from 'zod';
import { PLUGIN_API_VERSION, type PluginContext } from '../contracts/plugin';
import type { PluginDefinition, PluginInstance } from '../contracts/plugin';
import type { Dispatcher, Scheduler } from '../contracts/policy';

/** A policy plugin in TypeScript, before its defaults. */
export interface PolicyDeclaration<Options extends z.ZodType, Instance> {
  /** Lower-case letters, digits and hyphens. */
  name: string;
  /** Validated with defaults filled. Default: no options. */
  options?: Options;
  provides?: readonly string[];
  needs?: readonly string[];
  /** What it promises; the contract suite holds it to that. */
  claims?: PolicyClaims;
  /**
   * Makes the policy's state. Live it runs on the policy thread (and once on the main thread, to
   * look at the result), in virtual time on the simulating thread.
   */
  create(options: z.output<Options>, ctx: PluginContext): Instance;
}

/** Properties of a policy that the contract suite checks where they are claimed. */
export interface PolicyClaims {
  /** No worker idles beside runnable work that is held. */
  readonly isWorkConserving?: boolean;
  /** On one worker requests start in order of deadline. */
  readonly ordersByDeadline?: boolean;
  /** Requests of one type start in order of arrival. */
  readonly isFifoWithinType?: boolean;
}

export interface PolicyPlugin<
  Options extends z.ZodType,
  Instance extends Dispatcher | Scheduler,
> extends PluginDefinition<Options, Instance & PluginInstance> {
  readonly claims: PolicyClaims;
}

/**
 * Declares a dispatcher in TypeScript. Export the result as default from one file and name that
 * file in the config.
 */
export function defineDispatcher<Options extends z.ZodType = z.ZodObject>(
  declaration: PolicyDeclaration<Options, Dispatcher>,
): PolicyPlugin<Options, Dispatcher> & { kind: 'dispatcher' } {
  return { ...complete(declaration), kind: 'dispatcher' };
}

/** Declares a scheduler in TypeScript, likewise. */
export function defineScheduler<Options extends z.ZodType = z.ZodObject>(
  declaration: PolicyDeclaration<Options, Scheduler>,
): PolicyPlugin<Options, Scheduler> & { kind: 'scheduler' } {
  return { ...complete(declaration), kind: 'scheduler' };
}

function complete<Options extends z.ZodType, Instance>(
  declaration: PolicyDeclaration<Options, Instance>,
) {
  const { options = z.strictObject({}) as unknown as Options, claims = {} } = declaration;
  const create = (settings: z.output<Options>, ctx: PluginContext) =>
    declaration.create(settings, ctx) as Instance & PluginInstance;
  return { ...declaration, create, apiVersion: PLUGIN_API_VERSION, options, claims };
}
