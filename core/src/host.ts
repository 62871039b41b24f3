import 'reflect-metadata';

/** What the command line and the lab use beside the public API. Not for plugins. */
export { allowedCores, workerCores, workerCount } from './config/cores';
export { effectiveConfig } from './config/effective-config';
export { valueAt } from './config/describe-issues';
export { configJsonSchema, configSchema } from './config/schema';
export {
  asSledgeError,
  buildAll,
  cacheDirectoryOf,
  type BuildJob,
  type BuildReport,
  type BuildSettings,
  userCacheDirectory,
} from './functions/build-functions';
export { buildJobs } from './functions/function-registry';
export { hint, nearestName } from './nearest';
export { loadBinding } from './data-plane';
export * from './placement/hosted-placement';
export * from './recording';
export * from './trace';
export { codeOf as errorCodeOf } from './data-plane/native-error';
export { reasonOf } from './errors/reason';
export { policyContext } from './policies/policy-context';
export { defaultCapabilities, withheldBy } from './plugins/capabilities';
export { inspectPlugin, loadPlugin, loadPlugins } from './plugins/plugin-host';
export { PluginHost, type LoadedPlugin } from './plugins/plugin-host';
export { policyForm, type PolicyUnderTest } from './testing/trial';
export { installedPlugins, type InstalledPlugin } from './plugins/plugin-names';
export { type PluginReference } from './plugins/resolve-plugin';
export { loadUserModule } from './plugins/load-user-module';
export type { PolicyChangeRequest } from './admin/schemas';
export type { MetricReport } from './metrics/exposition';
export type { Histogram } from './metrics/histogram';
export type { LiveReport, LiveSample } from './live';
export { METRICS, SCOPE_LABELS, type Metric, type Scope } from './metrics/table';
export { askAdmin, askControl, findControl, openControl } from './server/control';
export type { AdminPlace, AdminQuestion, ControlSocket } from './server/control';
export type { FunctionReport, FunctionSummary, SplitReport, TenantReport } from './control/reports';
export { POLICY_KINDS, type PolicyKind } from './server/policy-kinds';
export { FileWatch } from './files/file-watch';
export { newKey, type NewKey } from './security/key-ring';
export type { ClusterAnswer, ClusterReport, NodeReport } from './cluster';
export { createLogger } from './server/logger';
export { seededRandom, seedFor } from './plugins/random';
