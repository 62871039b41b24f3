import type { InjectionToken } from 'tsyringe';
import type { Logger } from 'pino';
import type { TransportHost } from './contracts/kinds';
import type { PluginContext } from './contracts/plugin';

/** Every public token of the container; resolve them from `ctx.container`. */
export const tokens = {
  /** What a transport serves: tenants, functions, and the invoker. */
  TransportHost: Symbol.for('sledge.TransportHost') as InjectionToken<TransportHost>,
  /** The plugin's own logger (also `ctx.logger`). */
  Logger: Symbol.for('sledge.Logger') as InjectionToken<Logger>,
  /** The validated options, for decorated plugin classes. */
  Options: Symbol.for('sledge.Options') as InjectionToken<unknown>,
  /** The whole context, for decorated plugin classes. */
  Context: Symbol.for('sledge.Context') as InjectionToken<PluginContext>,
} as const;
