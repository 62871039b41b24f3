import pino from 'pino';
import { container } from 'tsyringe';
import type { PluginContext } from '../contracts/plugin';
import { seededRandom, seedFor } from '../plugins/random';

/** A context for a policy that is made outside the plugin host: same seed, same stream. */
export function policyContext(name: string, seed: number): PluginContext {
  return {
    logger: pino({ level: 'silent' }),
    clock: { nowNs: () => Math.round(performance.now() * 1e6) },
    random: seededRandom(seedFor(seed, name)),
    container: container.createChildContainer(),
  };
}
