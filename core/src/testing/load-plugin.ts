import { fileURLToPath } from 'node:url';
import type { PluginDefinition, PluginKind } from '../contracts/plugin';
import { inspectPlugin } from '../plugins/plugin-host';

/**
 * A plugin as the server would find it: by its file, or by name. Main thread.
 * @param folder where a relative path starts
 * @throws SledgeError SLEDGE_ERR_PLUGIN_NOT_FOUND, _IDENTITY, _KIND, _API_VERSION
 */
export function loadPlugin(
  source: string | URL,
  kind: PluginKind,
  folder = process.cwd(),
): PluginDefinition {
  const name = source instanceof URL ? fileURLToPath(source) : source;
  return inspectPlugin({ place: kind, kind, source: name, options: undefined }, folder).definition;
}
