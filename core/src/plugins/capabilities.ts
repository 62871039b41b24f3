import type { Capabilities, PluginDefinition } from '../contracts/plugin';
import { SledgeError } from '../errors/sledge-error';

/** What is not there whatever plugins provide it, and why. */
export type Withheld = Readonly<Partial<Record<string, string>>>;

interface Chosen {
  readonly definition: PluginDefinition;
  /** Validated. */
  readonly options: unknown;
}

/** The capabilities that a configuration takes away from its plugins. */
export function withheldBy(config: { preemption: { mechanism: string } }): Withheld {
  if (config.preemption.mechanism !== 'none') return {};
  return { preemption: 'preemption.mechanism is "none"' };
}

/** The names behind `provides` or `needs` of a plugin with these options. */
export function capabilitiesOf(
  capabilities: Capabilities<never> | undefined,
  options: unknown,
): readonly string[] {
  if (typeof capabilities === 'function') return capabilities(options as never);
  return capabilities ?? [];
}

/** The same with default options; none when there is an option without a default. */
export function defaultCapabilities(
  definition: PluginDefinition,
  which: 'provides' | 'needs',
): readonly string[] {
  const options = definition.options.safeParse({});
  return options.success ? capabilitiesOf(definition[which], options.data) : [];
}

/** Every need of every plugin is provided by some plugin that the config names. */
export function checkCapabilities(
  chosen: readonly Chosen[],
  providersOf: (capability: string) => readonly string[],
  withheld: Withheld = {},
): void {
  const provided = new Set(
    chosen.flatMap(({ definition, options }) => capabilitiesOf(definition.provides, options)),
  );
  for (const { definition, options } of chosen) {
    for (const capability of capabilitiesOf(definition.needs, options)) {
      const reason = withheld[capability];
      if (provided.has(capability) && reason === undefined) continue;
      throw new SledgeError('SLEDGE_ERR_PLUGIN_CAPABILITY', {
        plugin: definition.name,
        capability,
        hint: reason === undefined ? hintOf(providersOf(capability)) : ` (${reason})`,
      });
    }
  }
}

function hintOf(providers: readonly string[]): string {
  return providers.length > 0 ? ` (these would: ${providers.join(', ')})` : '';
}
