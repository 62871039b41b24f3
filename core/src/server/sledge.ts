import type { Logger } from 'pino';
import { container as rootContainer } from 'tsyringe';
import type { AdminListener, Phase } from '../admin';
import { workerCores } from '../config/cores';
import { loadedModules } from '../config/loaded-modules';
import { configFromObject } from '../config/load-config';
import type { LoadedConfig } from '../config/load-config';
import type { SledgeConfigInput } from '../config/schema';
import { startDataPlane } from '../data-plane';
import type {
  DataPlane,
  DataPlaneFactory,
  DataPlaneOptions,
  DataPlaneWorkerGroup,
  PolicyStatus,
} from '../contracts/data-plane';
import type {
  FunctionHandle,
  InvocationRequest,
  Outcome,
  RequestIds,
} from '../contracts/invocation';
import type { HostInstance, ListenerInfo } from '../contracts/kinds';
import type { SandboxInstance, TransportInstance } from '../contracts/kinds';
import { PLUGIN_KINDS } from '../contracts/plugin';
import type { PluginKind } from '../contracts/plugin';
import { SledgeError } from '../errors/sledge-error';
import type { BuildReport } from '../functions/build-functions';
import { type Cluster, holdWork, openCluster } from '../cluster';
import { openLiveControl } from '../control/live-control';
import type { ControlTarget, LiveControl } from '../control/live-control';
import { FunctionRegistry, type LoadedFunction } from '../functions/function-registry';
import { LiveView } from '../live';
import type { LaneSource, LiveReport } from '../live';
import type { MetricSources } from '../metrics/table';
import { withheldBy } from '../plugins/capabilities';
import { loadPlugins, PluginHost } from '../plugins/plugin-host';
import { tokens } from '../tokens';
import { Recording } from '../recording/recording';
import { installedPolicies } from './installed-policies';
import { keptRecords, laneSourceOf } from './lane-source';
import { FunctionLog } from './function-log';
import { createLogger } from './logger';
import { PolicyWatch } from './policy-watch';
import { beginRecording, recordingSettings } from './recording-settings';
import { queueRoom } from './queue-room';
import { ServerMetrics } from './server-metrics';
import { buildFunctions, buildSettingsOf, checkSandbox, repairBy } from './start-steps';
import { openAdminOf, planeGroups } from './start-steps';
import { countedTogether, transportCounts, type Counting } from './server-stats';
import { type PolicyChange, ServerPolicies } from './server-policies';
import { TransportServices } from './transport-services';

export interface SledgeOptions {
  logger?: Logger;
  /** Without transports only `invoke` works, and nothing is recorded. Default: with. */
  withTransports?: boolean;
  /** Ends `start` while it builds, with SLEDGE_ERR_BUILD_CANCELLED; later it has no effect. */
  signal?: AbortSignal;
  /** Called as each function is built or found in the cache. */
  onBuild?: (report: BuildReport) => void;
  /** What a function wrote to standard error, after its invocation. Default: to the log. */
  onFunctionLog?: (fn: FunctionHandle | undefined, text: Uint8Array, ids?: RequestIds) => void;
  /** Called when the admin API is asked to drain. */
  onDrainAsked?: () => void;
  /** Default: the native one. */
  dataPlane?: DataPlaneFactory;
}

/** Transports answer with what the data plane ended at the limit, so they have a little longer. */
const ANSWER_MS = 1000;
const STACK_UNIT_BYTES = 65_536;
const BEFORE_TRANSPORTS: readonly PluginKind[] = [
  'sandbox',
  'host',
  'estimator',
  'admission',
  'scheduler',
  'dispatcher',
];

const AFTER_TRANSPORTS: readonly PluginKind[] = ['transport', 'registry'];
const BESIDE_TRANSPORTS = PLUGIN_KINDS.filter((kind) => !AFTER_TRANSPORTS.includes(kind));

/** One server: plugins, data plane and functions of one configuration. Main thread. */
export class Sledge {
  readonly logger: Logger;
  private readonly services = new TransportServices();
  private readonly host: PluginHost;
  private readonly policies: ServerPolicies;
  private registry: FunctionRegistry | undefined;
  private plane: DataPlane | undefined;
  private watch: PolicyWatch | undefined;
  private recording: Recording | undefined;
  private live: LiveControl | undefined;
  /** Undefined: it is no node of a cluster. */
  cluster: Cluster | undefined;
  private admin: readonly AdminListener[] = [];
  /** The admin API's `/metrics` reads it. */
  readonly metrics: ServerMetrics;
  private failed: readonly SledgeError[] = [];
  private readonly view = new LiveView(this);
  private life: Phase = 'starting';
  private readonly functionLog: FunctionLog;

  constructor(
    private readonly loaded: LoadedConfig,
    private readonly options: SledgeOptions,
  ) {
    const { config } = loaded;
    this.logger = options.logger ?? createLogger(config.log);
    this.functionLog = new FunctionLog(this.logger, config.log);
    const container = rootContainer.createChildContainer();
    container.register(tokens.TransportHost, { useValue: this.services });
    this.host = new PluginHost({
      limits: { ...config.lifecycle, drainTimeoutMs: config.lifecycle.drainTimeoutMs + ANSWER_MS },
      logger: this.logger,
      container,
      seed: config.seed,
    });
    this.metrics = new ServerMetrics(config, () => ({
      ...{ plane: this.plane, functions: this.functions() as LoadedFunction[] },
      ...{ tenants: [...(this.registry?.byName.values() ?? [])], stats: this.stats() },
      ...{ isReady: this.life === 'serving', placement: this.services.placementReport() },
    }));
    this.policies = new ServerPolicies(this.host, loaded, this.logger);
  }

  /** Where it is in its life; the admin API's `/readyz` says the same. */
  get phase(): Phase {
    return this.life;
  }

  /** Invocations accepted and not yet ended. */
  get inFlight(): number {
    return this.services.inFlight;
  }

  /**
   * The admin API, plugins, functions, workers, then transports. When a step fails, what had
   * started is stopped again and the step's SledgeError is thrown; of several transports one is
   * enough, see `startFailures`. Call it once.
   */
  async start(): Promise<void> {
    try {
      await this.startAll();
    } catch (error) {
      for (const later of await this.stop()) this.logger.error({ code: later.code }, later.message);
      throw error;
    }
  }

  /** Of transports that could not start, while others serve. */
  startFailures(): readonly SledgeError[] {
    return this.failed;
  }

  /** Where the transports listen. Valid after `start`. */
  listeners(): readonly ListenerInfo[] {
    return this.host
      .instances('transport')
      .flatMap(({ instance }) => (instance as TransportInstance).listeners());
  }

  /** Where the admin API listens; with a path it is a Unix socket. */
  adminUrls(): string[] {
    return this.admin.map(({ url }) => url);
  }

  /** Every function that is loaded, in the config's order. */
  functions(): readonly FunctionHandle[] {
    return this.services.tenants().flatMap((tenant) => tenant.functions);
  }

  /** Invokes `name` or `tenant/name`. @throws SledgeError when it is not accepted. */
  async invoke(name: string, request: InvocationRequest): Promise<Outcome> {
    const fn = this.functionsOrDraining().find(name);
    return new Promise((resolve) => this.services.invoke(fn, request, resolve));
  }

  /**
   * Counters and gauges of the data plane, and of transports that count, each named
   * `<transport>.<counter>`. Transports of the same name count together.
   */
  stats(): Record<string, number> {
    const transports = transportCounts(this.host.instances('transport'));
    const admin = this.admin.map((listener): Counting => ['admin', listener.stats()]);
    const own: Counting[] = [
      ['log', { function_lines_dropped: this.functionLog.dropped }],
      ['placement', this.services.placementStats()],
      ['secrets', this.live?.secretCounts() ?? {}],
    ];
    return { ...this.plane?.stats(), ...countedTogether([...transports, ...admin, ...own]) };
  }

  /** Certificates, keys of clients and secrets of functions are read again. */
  reload = (): void => this.services.files.refresh();

  /**
   * Another policy from now on, while requests are served: nothing is drained or lost. `choice` is
   * as in the config. @param group name of a worker group; default: the first one.
   * @throws SledgeError when it cannot be made; then nothing has changed.
   */
  async setPolicy(...change: PolicyChange): Promise<void> {
    await this.policies.set(this.openPlane(), ...change);
    this.watch?.refresh();
  }

  /**
   * For development: until `drain` or `stop`, a policy that is named by the path of its file is
   * exchanged when that file, or one that it imports, is saved; one that was ejected too. What
   * does not load is logged, and the policy before stays. @returns the files watched at first.
   */
  watchPolicies(): string[] {
    const plane = this.openPlane();
    this.watch ??= new PolicyWatch(
      { files: () => this.policies.files(), renew: (key) => this.policies.renew(plane, key) },
      this.logger,
    );
    return this.watch.files();
  }

  /** Which policies decide, and what became of those in TypeScript. */
  policyStatus(): PolicyStatus {
    return this.policies.status(this.openPlane());
  }

  /** What is counted, at once: what counts together (metrics.functions) as last read. */
  metricSources(): MetricSources {
    return this.metrics.now();
  }

  /** What it does, second by second, while somebody asks; the admin API's `/live` shows it. */
  liveReport(after: number): LiveReport {
    return this.view.report(after);
  }

  /** For the lanes of the console; undefined: they are not to be had. */
  laneSource(): LaneSource | undefined {
    if (this.life === 'stopped') return undefined;
    return laneSourceOf(this.plane, this.registry, this.recording, this.loaded.config.admin);
  }

  /** Short names that `setPolicy` takes here, by kind. */
  readonly installedPolicies = () => installedPolicies(this.loaded.folder);

  /** What became of the invocations of `name` or `tenant/name`: in time, late, and others. */
  functionStats(name: string): Record<string, number> {
    const { id } = this.functionsOrDraining().find(name) as LoadedFunction;
    return this.plane?.functionStats(id) ?? {};
  }

  /** Deploys, exchanges and takes out functions and tenants. Valid while it serves. */
  get control(): ControlTarget {
    if (this.live !== undefined) return this.live;
    const reason = `the server is ${this.life}`;
    throw new SledgeError('SLEDGE_ERR_CONTROL_UNAVAILABLE', { reason });
  }

  /** The admin API was asked to drain: whoever runs the server is to call `drain` and `stop`. */
  askToDrain(): void {
    this.options.onDrainAsked?.();
  }

  /**
   * Accepts nothing new and waits for what is in flight; what is left after
   * lifecycle.drainTimeoutMs is ended, each with its outcome. @returns what went wrong.
   */
  async drain(): Promise<SledgeError[]> {
    this.life = 'draining';
    this.live?.close();
    this.cluster?.drain();
    this.watch?.close();
    this.services.close();
    const { drainTimeoutMs } = this.loaded.config.lifecycle;
    const [errors] = await Promise.all([this.host.drain(), this.plane?.drain(drainTimeoutMs)]);
    return errors;
  }

  /** Stops everything, whatever is in flight. @returns what went wrong on the way. */
  async stop(): Promise<SledgeError[]> {
    this.life = 'stopped';
    this.view.close();
    this.watch?.close();
    this.services.close();
    this.live?.close();
    await this.cluster?.stop();
    await this.plane?.stop();
    this.live?.end();
    await this.recording?.end();
    const errors = await this.host.stop();
    await Promise.all(this.admin.map((listener) => listener.close()));
    this.services.files.close();
    this.functionLog.close();
    return errors;
  }

  private async startAll(): Promise<void> {
    const { config, folder, plugins } = this.loaded;
    const isServer = this.options.withTransports !== false;
    if (isServer) this.admin = await openAdminOf(this, this.loaded, this.services);
    const wanted = plugins.filter(({ kind }) => isServer || !AFTER_TRANSPORTS.includes(kind));
    await this.host.create(loadPlugins(wanted, folder, withheldBy(config)));
    checkSandbox(this.loaded, this.sandbox());
    await this.host.start(BEFORE_TRANSPORTS);
    const reports = await buildFunctions(this.loaded, this.sandbox(), this.options, this.logger);
    await this.openRecording();
    const plane = await (this.options.dataPlane ?? startDataPlane)(this.dataPlaneOptions());
    this.plane = plane;
    this.registry = FunctionRegistry.load(config, reports, plane);
    this.live = openLiveControl(this.loaded, {
      ...{ plane, registry: this.registry, sandbox: this.sandbox(), logger: this.logger },
      ...{ build: buildSettingsOf(this.loaded), publish: () => this.services.publish() },
      // a function that is tried beside a server has no store: that one has it
      isServer,
      ...{ listeners: () => this.listeners(), prepareTenant: this.services.prepareTenant },
    });
    await this.live.begin(this.services.watchFiles.bind(this.services));
    if (this.recording?.tap === undefined) plane.keepEvents?.(false);
    beginRecording(this.recording, this.registry, plane);
    this.services.open(plane, this.registry, repairBy(this.live, this.logger));
    this.services.placeWith(this.host, this.logger, config.seed);
    await this.host.start(BESIDE_TRANSPORTS);
    await holdWork(this.host);
    this.failed = await this.host.startSome('transport');
    for (const { code, message, solve } of this.failed) this.logger.error({ code, solve }, message);
    this.life = 'serving';
    this.cluster = openCluster(this, this.live, this.host, this.policies);
    await this.host.start();
  }

  /** A function that is tried beside a server must not empty the files of that one. */
  private async openRecording(): Promise<void> {
    if (this.options.withTransports === false) return;
    const { config, folder } = this.loaded;
    this.recording = await Recording.open(recordingSettings(config, folder), this.logger);
    this.services.isRecording = this.recording !== undefined;
  }

  private sandbox(): SandboxInstance {
    return this.host.instances('sandbox')[0]?.instance as SandboxInstance;
  }

  private dataPlaneOptions(): DataPlaneOptions {
    const { workers, arena, limits, preemption, tenants, seed } = this.loaded.config;
    const { workers: kind, workerScript } = this.sandbox();
    const { functionLog } = this;
    const onFunctionLog = this.options.onFunctionLog ?? functionLog.write.bind(functionLog);
    const [first, ...moreGroups] = planeGroups(this.loaded, this.policies);
    return {
      ...(first as DataPlaneWorkerGroup),
      moreGroups,
      workerCores: workerCores(workers),
      workers: kind,
      workerScript,
      arenaSlots: arena.slots,
      stackBytes: Math.ceil(arena.stackBytes / STACK_UNIT_BYTES) * STACK_UNIT_BYTES,
      maxInvocations: limits.maxInvocations,
      maxLoadedModules: loadedModules(this.loaded.config),
      maxQueuePerWorker: limits.queuePerWorker,
      maxQueued: queueRoom(this.host, this.loaded.config),
      ...this.policies.limitsAndReports(),
      preemption,
      tenants: tenants.map(({ limits: own, budget }) => ({ ...own, budget })),
      hosts: this.host.instances('host').map(({ name, instance }) => ({
        name,
        ...(instance as HostInstance).native,
      })),
      seed,
      record: keptRecords(this.recording, this.loaded.config.admin),
      onModuleLost: (id) => this.services.mend(id),
      onLog: (id, text, ids) => onFunctionLog(this.registry?.byId(id), text, ids),
    };
  }

  private openPlane(): DataPlane {
    if (this.plane !== undefined) return this.plane;
    throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
  }

  private functionsOrDraining(): FunctionRegistry {
    if (this.registry !== undefined) return this.registry;
    throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
  }
}

/**
 * A server for a configuration: an object as in sledge.config.ts (paths are relative to the
 * working directory), or what `loadConfig` gives. Nothing runs before `start`.
 * @throws SledgeError SLEDGE_ERR_CONFIG_INVALID.
 */
export function createSledge(
  config: LoadedConfig | SledgeConfigInput,
  options: SledgeOptions = {},
): Sledge {
  const isLoaded = 'plugins' in config && 'folder' in config;
  return new Sledge(isLoaded ? config : configFromObject(config), options);
}
