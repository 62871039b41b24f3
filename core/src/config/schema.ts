import { z } from 'zod';
import { PERF_COLUMN_NAMES } from '../recording/columns';
import { adminSchema } from './admin-schema';
import { deploySchema, storeSchema } from './control-schema';
import { instanceKind } from './instance-schema';
import { preopensSchema } from './preopens';
import { tenantAddress, tenantBudget, tenantPace } from './tenant-schema';
import { isPluginClass } from '../plugins/plugin-class';
import {
  functionKeysSchema,
  keysFileSchema,
  secretsSchema,
  tenantTlsSchema,
  tlsSchema,
} from './security-schema';

const MAX_DELAY_US = 3_600_000_000;
const MAX_TIMEOUT_MS = 600_000;
const STACK_BYTES_MAX = 67_108_864;

const count = (least: number, most: number) => z.int().min(least).max(most);
const text = (most: number) => z.string().min(1).max(most);
const delayUs = count(1, MAX_DELAY_US);
/** A limit that need not be there. */
const countOrNone = (most: number) => count(0, most).default(0);
const timeoutMs = (defaultMs: number) => count(1, MAX_TIMEOUT_MS).default(defaultMs);

/** A plugin given as an object or a class, not by name. */
export function isPluginObject(value: unknown): boolean {
  return (
    isPluginClass(value) ||
    (typeof value === 'object' && value !== null && !Array.isArray(value) && 'create' in value)
  );
}

const pluginObject = z.custom<object>(isPluginObject, 'a plugin object');
const pluginSource = z.union([text(1024), pluginObject]);
const pluginChoice = z
  .union(
    [text(1024), z.tuple([pluginSource, z.record(z.string(), z.unknown())]), pluginObject],
    'a plugin name, [name, options], or a plugin',
  )
  .describe('Short name, package name, path of one file, [name, options], or the plugin itself.');

const idle = z.enum(['spin', 'adaptive', 'block']);
const spinUs = count(0, 10_000);
const groupName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of letters, digits, ".", "_" and "-"');

const workerGroup = z.strictObject({
  name: groupName.describe('What tenants and functions call it.'),
  count: count(1, 256)
    .optional()
    .describe('Its worker threads. Default: one for each of its cores, else 1.'),
  cores: z
    .union([z.enum(['auto', 'unpinned']), z.array(count(0, 4095)).min(1).max(256)])
    .optional()
    .describe('As workers.cores, and its default.'),
  idle: idle.optional().describe('Default: workers.idle.'),
  spinUs: spinUs.optional().describe('Default: workers.spinUs.'),
  dispatcher: pluginChoice.optional().describe("Default: the configuration's."),
  scheduler: pluginChoice.optional().describe("Default: the configuration's."),
  estimator: pluginChoice.optional().describe("Default: the configuration's."),
  admission: pluginChoice.optional().describe("Default: the configuration's."),
});

const workers = z.strictObject({
  count: z
    .union([z.literal('auto'), count(1, 256)])
    .default('auto')
    .describe(
      'Worker threads. auto: one less than the cores that this process may use, at least 1.',
    ),
  cores: z
    .union([z.enum(['auto', 'unpinned']), z.array(count(0, 4095)).min(1).max(256)])
    .default('auto')
    .describe(
      'One core for each worker. auto: the last cores; unpinned when workers need them all.',
    ),
  idle: idle
    .default('adaptive')
    .describe('What a worker without work does. adaptive: spin for spinUs, then sleep.'),
  spinUs: spinUs.default(20).describe('How long an adaptive worker spins, microseconds.'),
  groups: z
    .array(workerGroup)
    .min(1)
    .max(64)
    .optional()
    .describe('Groups of workers with policies of their own. Without: one group of all workers.'),
});

const arena = z.strictObject({
  slots: count(1, 16_384)
    .default(1024)
    .describe('Sandboxes that can exist at once; each reserves over 8 GiB of address space.'),
  stackBytes: count(131_072, STACK_BYTES_MAX)
    .default(262_144)
    .describe('Stack of one sandbox, bytes; rounded up to 64 KiB.'),
});

const limits = z.strictObject({
  maxInvocations: count(1, 1_000_000)
    .default(4096)
    .describe('Invocations accepted and not ended, over all functions; one more gets 429.'),
  queuePerWorker: count(1, 1_000_000).default(1024).describe("Length of one worker's run queue."),
  loadedModules: z
    .union([z.literal('auto'), count(1, 1_000_000)])
    .default('auto')
    .describe(
      'Modules loaded at once, two mappings each; the least recently used one goes. ' +
        'auto: what vm.max_map_count leaves beside the slots.',
    ),
});

const preemption = z.strictObject({
  mechanism: z
    .enum(['safepoint', 'tsc', 'signal', 'timer', 'none'])
    .default('safepoint')
    .describe(
      'How running code is asked to leave. safepoint: a flag that it polls, and a signal ' +
        'for code that does not poll. tsc: that, and at the end of its quantum the code leaves ' +
        'by itself. none: requests are never preempted; limits still hold.',
    ),
  graceUs: count(10, 10_000_000)
    .default(1000)
    .describe('After this without an answer comes a signal. Microseconds.'),
  minIntervalUs: z
    .union([z.literal('auto'), count(0, 10_000_000)])
    .default('auto')
    .describe('Least time between two signals to one worker. auto: 20 times their measured cost.'),
});

const build = z.strictObject({
  cacheDirectory: text(4096)
    .optional()
    .describe('Where built modules are kept. Default: $XDG_CACHE_HOME/sledge or ~/.cache/sledge.'),
  level: z
    .enum(['production', 'development'])
    .default('production')
    .describe('development: compiles faster, runs slower.'),
  parallel: count(1, 256).default(2).describe('Functions that are built at the same time.'),
});

const lifecycle = z.strictObject({
  createTimeoutMs: timeoutMs(10_000).describe('Limit for one plugin to be created.'),
  startTimeoutMs: timeoutMs(10_000).describe('Limit for one plugin to start.'),
  drainTimeoutMs: timeoutMs(10_000).describe('Limit for what is in flight to end at shutdown.'),
  stopTimeoutMs: timeoutMs(5000).describe('Limit for one plugin to stop.'),
});

const log = z.strictObject({
  level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  pretty: z
    .union([z.literal('auto'), z.boolean()])
    .default('auto')
    .describe('Lines for people instead of JSON. auto: when standard error is a terminal.'),
  functionLinesPerSecond: count(0, 1_000_000)
    .default(100)
    .describe('Of the standard error of one function; more are counted. 0: any.'),
  tenantLinesPerSecond: count(0, 1_000_000)
    .default(500)
    .describe('Of all functions of one tenant. 0: any.'),
  functionLineBytes: count(64, 65_536)
    .default(1024)
    .describe('Of one line of a function; what is longer is cut.'),
});

/** A host call needs 48 KiB of it. */
const stackLimit = z.union([z.literal(0), count(65_536, STACK_BYTES_MAX)]).default(0);

const functionLimits = z.strictObject({
  wallTimeUs: delayUs
    .default(1_000_000)
    .describe('From its first instruction; then it is killed. Microseconds.'),
  cpuTimeUs: count(0, MAX_DELAY_US)
    .default(0)
    .describe(
      'On a worker, in its sandbox; waiting is not counted. 0: no own limit. Microseconds.',
    ),
  outputBytes: count(0, 1_073_741_824).default(4_194_304).describe('Standard output, bytes.'),
  stackBytes: stackLimit.describe('Stack, bytes; at most arena.stackBytes, which 0 stands for.'),
  memoryBytes: count(0, 4_294_967_296)
    .default(134_217_728)
    .describe('Linear memory, bytes; rounded down to 64 KiB pages. memory.grow fails beyond it.'),
  bodyBytes: count(0, 1_073_741_824).default(4_194_304).describe('Request body, bytes.'),
  concurrency: count(0, 1_000_000).default(0).describe('Accepted and not ended; 0: no own limit.'),
  queued: count(0, 1_000_000).default(0).describe('Accepted and not started; 0: no own limit.'),
});

const tenantLimits = z.strictObject({
  concurrency: count(0, 1_000_000)
    .default(0)
    .describe('Accepted and not ended, over its functions; 0: no own limit.'),
  queued: count(0, 1_000_000)
    .default(0)
    .describe('Accepted and not started, over its functions; 0: no own limit.'),
  memoryBytes: countOrNone(Number.MAX_SAFE_INTEGER).describe(
    'Linear memory of all its running and idle instances, bytes, and so the most that each may ' +
      'have. memory.grow fails beyond it, and what would start beyond it gets 429; 0: no limit.',
  ),
  wallTimeUs: countOrNone(MAX_DELAY_US).describe('Most that a function of its may have; 0: any.'),
  cpuTimeUs: countOrNone(MAX_DELAY_US).describe('Most that a function of its may have; 0: any.'),
  outputBytes: countOrNone(1_073_741_824).describe('Most that a function of its may have; 0: any.'),
  stackBytes: stackLimit.describe('Most that a function of its may have; 0: any.'),
  ...tenantPace,
});

export const functionSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of letters, digits, ".", "_" and "-"')
    .describe('argv[0] of the function; unique in its tenant.'),
  path: text(4096).describe("A .wasm; relative to the config's folder, else in functionPath."),
  route: z
    .string()
    .regex(/^\/[^\s?#]{0,1023}$/, 'a path that starts with "/" and has no "?" or "#"')
    .optional()
    .describe('HTTP path: exact, else the longest prefix. Without it HTTP does not reach it.'),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .optional()
    .describe('HTTP methods it answers. Default: all of them but OPTIONS.'),
  requestType: count(1, 65_535).optional().describe('Number of the function on RPC transports.'),
  relativeDeadlineUs: delayUs
    .optional()
    .describe('Deadline from arrival; a request may bring its own. Microseconds.'),
  onLate: z
    .enum(['run', 'drop-unstarted', 'abort'])
    .default('run')
    .describe('What happens at its deadline. abort: it ends also when it runs (504).'),
  onDisconnect: z
    .enum(['kill', 'run'])
    .default('kill')
    .describe('What happens to a running one whose client has gone. One that waits is dropped.'),
  expectedExecutionUs: delayUs.optional().describe('First estimate of its execution time.'),
  responseContentType: z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'a content type of printable ASCII')
    .default('text/plain'),
  responseFormat: z
    .enum(['raw', 'cgi'])
    .default('raw')
    .describe('cgi: the function writes headers, an empty line, and the body.'),
  group: count(0, 1023).default(0).describe('Group of request types, for policies that reserve.'),
  workerGroup: groupName.optional().describe("Worker group that runs it. Default: its tenant's."),
  preopens: preopensSchema
    .default({})
    .describe("Directories it may read, relative to the config's folder, by the names it knows."),
  ...instanceKind,
  keys: functionKeysSchema,
  secrets: secretsSchema,
  limits: functionLimits.prefault({}),
});

export const tenantSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^(?!\.{1,2}$)[^\p{C}/]{1,64}$/u,
      '1 to 64 printable characters without "/"; no dots alone',
    ),
  port: count(0, 65_535).optional().describe('HTTP port; 0 picks a free one; absent: no HTTP.'),
  host: text(255).optional().describe("Address of this tenant's listener, over the transport's."),
  ...tenantAddress,
  budget: tenantBudget.optional(),
  workerGroup: groupName
    .optional()
    .describe('Worker group of its functions. Default: the first one.'),
  tls: tenantTlsSchema,
  keysFile: keysFileSchema,
  limits: tenantLimits.prefault({}),
  functions: z.array(functionSchema).max(32_768).default([]),
});

const policies = z.strictObject({
  decisionLimitMs: count(1, 60_000)
    .default(500)
    .describe('A TypeScript policy that does not answer for so long is ejected.'),
  starvationLimitMs: count(1, 600_000)
    .default(1000)
    .describe('So is one that lets a request wait so long beside an idle worker.'),
  fallbackDispatcher: text(1024).default('jsq').describe('Takes over from one that is ejected.'),
  fallbackScheduler: text(1024).default('fifo').describe('Takes over from one that is ejected.'),
});

const trace = z.strictObject({
  path: text(4096)
    .optional()
    .describe(
      "Where a trace of the run is written, relative to the config's folder. Default: none.",
    ),
  events: count(1, 100_000_000)
    .default(2_000_000)
    .describe('What the trace may hold: some six for each request. What comes later is counted.'),
});

const perfLog = z.strictObject({
  path: text(4096)
    .optional()
    .describe(
      "Where a line for each request goes, relative to the config's folder. Default: none.",
    ),
  format: z.enum(['csv', 'ndjson']).default('csv'),
  columns: z
    .union(
      [z.enum(['all', 'sledgescale']), z.array(z.enum(PERF_COLUMN_NAMES)).min(1).max(64)],
      `all, sledgescale, or a list of ${PERF_COLUMN_NAMES.join(', ')}`,
    )
    .default('all')
    .describe("sledgescale: those of SLEdgeScale's sandbox log."),
  bufferRows: count(16, 1_048_576)
    .default(16_384)
    .describe('Kept for each worker until they are written; more are lost and counted.'),
});

const metrics = z.strictObject({
  functions: count(0, 32_768)
    .default(200)
    .describe(
      'Functions with metrics of their own: the first ones that are called. Those called ' +
        'later count together, by tenant, as function "_other".',
    ),
});

/** Shape of a whole configuration, with every default. Unknown keys are errors. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors.'),
  workers: workers.prefault({}),
  arena: arena.prefault({}),
  limits: limits.prefault({}),
  transports: z.array(pluginChoice).max(64).default(['http']),
  dispatcher: pluginChoice.default('global-queue'),
  scheduler: pluginChoice.default('fifo'),
  estimator: pluginChoice
    .default('percentile')
    .describe("How long requests will take. none: what the functions' configuration says."),
  admission: pluginChoice
    .default('none')
    .describe('Refuses at arrival what would do no good. none: admits all.'),
  placement: pluginChoice
    .default('none')
    .describe('Which node runs what comes to this one, where a transport connects nodes.'),
  policies: policies.prefault({}).describe('What holds for policies in TypeScript.'),
  preemption: preemption.prefault({}),
  sandbox: pluginChoice.default('awsm'),
  hosts: z
    .array(pluginChoice)
    .max(16)
    .default([])
    .describe('Plugins whose functions may be imported by functions, such as kv.'),
  registry: pluginChoice
    .default('none')
    .describe('What the nodes of a cluster share: registry-nats. none: this server is alone.'),
  build: build.prefault({}),
  functionPath: z
    .array(text(4096))
    .max(64)
    .default(['functions'])
    .describe("Folders searched for function files, relative to the config's folder."),
  lifecycle: lifecycle.prefault({}),
  log: log.prefault({}),
  trace: trace.prefault({}).describe('A decision record of the run, for Perfetto and explain.'),
  perfLog: perfLog.prefault({}).describe('What became of each request, streamed to a file.'),
  metrics: metrics.prefault({}).describe('What the admin API counts by function.'),
  tls: tlsSchema.describe('Certificate of the HTTP listeners. Absent: they have no TLS.'),
  admin: adminSchema.prefault({}).describe('The admin API: probes, metrics, changes.'),
  deploy: deploySchema.prefault({}).describe('Deployments while the server runs.'),
  store: storeSchema.prefault({}).describe('Where what is deployed is kept.'),
  seed: count(0, 4_294_967_295).default(1).describe('For everything random in policies.'),
  tenants: z.array(tenantSchema).max(1024).default([]),
});

/** What one writes. */
export type SledgeConfigInput = z.input<typeof configSchema>;
/** What is in force: everything filled. */
export type SledgeConfig = z.output<typeof configSchema>;
export type TenantConfig = SledgeConfig['tenants'][number];
export type FunctionConfig = TenantConfig['functions'][number];
export type PluginChoice = SledgeConfig['scheduler'];

/** Types a configuration as it is written; returns it unchanged. */
export function defineConfig(config: SledgeConfigInput): SledgeConfigInput {
  return config;
}

/** JSON schema of what one writes, for editors. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    // a plugin object cannot be written in JSON: that branch must match nothing
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'custom') jsonSchema.not = {};
    },
  });
}
