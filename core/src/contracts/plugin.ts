import type { Logger } from 'pino';
import type { DependencyContainer } from 'tsyringe';
import type { z } from 'zod';

export const PLUGIN_API_VERSION = 1;

export const PLUGIN_KINDS = [
  'transport',
  'dispatcher',
  'scheduler',
  'sandbox',
  'estimator',
  'admission',
  'workload',
  'placement',
  'observer',
  'host',
  'registry',
] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

/** What `create` gets beside its options. */
export interface PluginContext {
  readonly logger: Logger;
  /** Integer nanoseconds since the process started; the only clock a policy may use. */
  readonly clock: { nowNs(): number };
  /** Seeded; uniform in [0, 1). */
  readonly random: () => number;
  /** Child container of this plugin; the public tokens are in `tokens.ts`. */
  readonly container: DependencyContainer;
}

/** Lifecycle that every plugin instance may have; each step has a time limit. */
export interface PluginInstance {
  start?(): Promise<void> | void;
  /** Take nothing new; resolve when nothing of yours is in flight. */
  drain?(): Promise<void> | void;
  stop?(): Promise<void> | void;
}

/** Names of capabilities, fixed or by the options (as `create` gets them). */
export type Capabilities<Options> =
  | readonly string[]
  // a method's type, so that a definition with particular options is still a PluginDefinition
  | { of(options: Options): readonly string[] }['of'];

export interface PluginDefinition<
  Options extends z.ZodType = z.ZodType,
  Instance extends PluginInstance = PluginInstance,
> {
  name: string;
  kind: PluginKind;
  apiVersion: number;
  /** Validated with defaults filled before `create`; unknown keys are errors. */
  options: Options;
  provides?: Capabilities<z.output<Options>>;
  needs?: Capabilities<z.output<Options>>;
  create(options: z.output<Options>, ctx: PluginContext): Instance | Promise<Instance>;
}
