import type { LoadedConfig, SandboxInstance } from '@sledge/core';
import { buildAll, cacheDirectoryOf, createLogger, loadPlugins } from '@sledge/core/host';
import { PluginHost } from '@sledge/core/host';
import type { BuildReport, BuildSettings } from '@sledge/core/host';
import { withEntry, type ModuleJob } from './module-entry';

/**
 * Builds modules with the sandbox plugin of a configuration, without a server; a signal ends it.
 * @param level default: the configuration's
 * @returns the reports in the order of the jobs
 */
export async function buildModules(
  loaded: LoadedConfig,
  jobs: readonly ModuleJob[],
  level?: BuildSettings['level'],
  onReport: (report: BuildReport) => void = () => undefined,
): Promise<BuildReport[]> {
  if (jobs.length === 0) return [];
  const { config, folder } = loaded;
  const host = new PluginHost({
    limits: config.lifecycle,
    logger: createLogger({ ...config.log, level: 'warn' }),
    seed: config.seed,
  });
  const sandboxes = loaded.plugins.filter((plugin) => plugin.kind === 'sandbox');
  await host.create(loadPlugins(sandboxes, folder));
  await host.start();
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const sandbox = host.instances('sandbox')[0]?.instance as SandboxInstance;
    const settings = {
      cacheDirectory: cacheDirectoryOf(config.build, folder),
      level: level ?? config.build.level,
      parallel: config.build.parallel,
      readsTime: config.preemption.mechanism === 'tsc',
      signal: stop.signal,
    };
    const checked = new Map<BuildReport, BuildReport>();
    const reports = await buildAll(sandbox, jobs, settings, (report) => {
      checked.set(report, withEntry(report));
      onReport(checked.get(report) ?? report);
    });
    return reports.map((report) => checked.get(report) ?? report);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await host.stop();
  }
}
