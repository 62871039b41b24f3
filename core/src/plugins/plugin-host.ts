import { container as rootContainer } from 'tsyringe';
import type { DependencyContainer } from 'tsyringe';
import type { Logger } from 'pino';
import type {
  PluginContext,
  PluginDefinition,
  PluginInstance,
  PluginKind,
} from '../contracts/plugin';
import type { ErrorCode } from '../errors/catalogue';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { tokens } from '../tokens';
import { checkCapabilities, defaultCapabilities } from './capabilities';
import type { Withheld } from './capabilities';
import { instanceProblem } from './instance-shape';
import { installedPlugins } from './plugin-names';
import { seededRandom, seedFor } from './random';
import { resolvePlugin } from './resolve-plugin';
import type { PluginReference } from './resolve-plugin';
import { withTimeLimit } from './time-limit';
import type { LimitedStep } from './time-limit';
import { checkApiVersion, checkIdentity, checkKind, checkOptions } from './validate-plugin';

export interface LifecycleLimits {
  createTimeoutMs: number;
  startTimeoutMs: number;
  drainTimeoutMs: number;
  stopTimeoutMs: number;
}

/** A plugin that has passed resolve, identity, apiVersion, options and capabilities. */
export interface LoadedPlugin {
  readonly place: string;
  readonly definition: PluginDefinition;
  readonly options: unknown;
  readonly file: string | undefined;
  /** Index of the worker group whose policy it is; undefined: it serves all of them. */
  readonly workerGroup?: number | undefined;
}

export interface PluginHostOptions {
  limits: LifecycleLimits;
  logger: Logger;
  seed: number;
  /** Parent of each plugin's container; default: one without services. */
  container?: DependencyContainer;
}

export interface CreatedPlugin extends LoadedPlugin {
  readonly instance: PluginInstance;
}

interface LivePlugin extends CreatedPlugin {
  started: boolean;
}

const STEP_ERRORS: Readonly<Record<LimitedStep, ErrorCode>> = {
  create: 'SLEDGE_ERR_PLUGIN_CREATE',
  start: 'SLEDGE_ERR_PLUGIN_START',
  drain: 'SLEDGE_ERR_PLUGIN_DRAIN',
  stop: 'SLEDGE_ERR_PLUGIN_STOP',
};

/**
 * First half of the pipeline, without side effects on the machine: what `sledge check` runs.
 * @param withheld capabilities that the configuration takes away, see withheldBy
 */
export function loadPlugins(
  references: readonly PluginReference[],
  configFolder: string,
  withheld: Withheld = {},
): LoadedPlugin[] {
  const loaded = references.map((reference) => loadOne(reference, configFolder));
  for (const together of byWorkerGroup(loaded)) {
    checkDuplicates(together);
    checkCapabilities(
      together,
      (capability) => providersAmongInstalled(capability, configFolder),
      withheld,
    );
  }
  return loaded;
}

/** What works together: for each worker group its policies, and what serves all. */
function byWorkerGroup(loaded: readonly LoadedPlugin[]): LoadedPlugin[][] {
  const groups = new Set(loaded.flatMap(({ workerGroup }) => workerGroup ?? []));
  if (groups.size === 0) return [[...loaded]];
  return [...groups].map((group) =>
    loaded.filter(({ workerGroup = group }) => workerGroup === group),
  );
}

/** Resolve, identity, kind and apiVersion: what a plugin is, whatever its options. */
export function inspectPlugin(
  reference: PluginReference,
  configFolder: string,
): { definition: PluginDefinition; file: string | undefined } {
  const resolved = resolvePlugin(reference, configFolder);
  const definition = checkIdentity(resolved);
  checkKind(definition, reference.kind);
  checkApiVersion(definition);
  return { definition, file: resolved.file };
}

/** One plugin by itself: what it needs of others is not checked. */
export function loadPlugin(reference: PluginReference, configFolder: string): LoadedPlugin {
  return loadOne(reference, configFolder);
}

function loadOne(reference: PluginReference, configFolder: string): LoadedPlugin {
  const { definition, file } = inspectPlugin(reference, configFolder);
  const options = checkOptions(definition, reference.options, reference.place);
  const { place, workerGroup } = reference;
  return { place, definition, options, file, workerGroup };
}

function checkDuplicates(loaded: readonly LoadedPlugin[]): void {
  const names = new Set<string>();
  for (const { definition } of loaded) {
    if (names.has(definition.name)) {
      throw new SledgeError('SLEDGE_ERR_PLUGIN_DUPLICATE', { plugin: definition.name });
    }
    names.add(definition.name);
  }
}

/** Only asked once something is missing, so loading every installed plugin is worth it. */
function providersAmongInstalled(capability: string, configFolder: string): string[] {
  const providers: string[] = [];
  for (const { kind, packageName } of installedPlugins([configFolder, __dirname])) {
    try {
      const reference = { place: packageName, kind, source: packageName, options: undefined };
      const { definition } = inspectPlugin(reference, configFolder);
      if (defaultCapabilities(definition, 'provides').includes(capability))
        providers.push(packageName);
    } catch {
      // a broken installed plugin provides nothing; it is not what the message is about
    }
  }
  return providers;
}

/** Second half of the pipeline: create, start; and out again: drain, stop, in reverse order. */
export class PluginHost {
  private readonly live: LivePlugin[] = [];

  constructor(private readonly options: PluginHostOptions) {}

  /** Creates the plugins in order; on failure none stays. */
  async create(loaded: readonly LoadedPlugin[]): Promise<void> {
    for (const plugin of loaded) this.live.push(await this.createOne(plugin));
  }

  /** Starts those of the given kinds that have not been started, in the order of creation. */
  async start(kinds?: readonly PluginKind[]): Promise<void> {
    for (const plugin of this.live) {
      if (plugin.started || (kinds && !kinds.includes(plugin.definition.kind))) continue;
      plugin.started = true;
      await this.step(plugin, 'start', () => plugin.instance.start?.());
    }
  }

  /**
   * Starts those of one kind, in order, of which one is enough: those that cannot start are stopped
   * and forgotten. @returns what went wrong. @throws SledgeError the first of it when none started.
   */
  async startSome(kind: PluginKind): Promise<SledgeError[]> {
    const errors: SledgeError[] = [];
    const wanted = this.live.filter(({ definition }) => definition.kind === kind);
    for (const plugin of wanted) {
      try {
        plugin.started = true;
        await this.step(plugin, 'start', () => plugin.instance.start?.());
      } catch (error) {
        errors.push(error as SledgeError, ...(await this.unwind('stop', [plugin])));
        this.live.splice(this.live.indexOf(plugin), 1);
      }
    }
    const hasStarted = this.live.some(({ definition }) => definition.kind === kind);
    if (errors[0] !== undefined && !hasStarted) throw errors[0];
    return errors;
  }

  /** Drains all started plugins, last first; a failure is reported and the next is drained. */
  async drain(): Promise<SledgeError[]> {
    return this.unwind('drain');
  }

  /** Stops all started plugins, last first, whatever happens; then forgets them. */
  async stop(): Promise<SledgeError[]> {
    const errors = await this.unwind('stop');
    this.live.length = 0;
    return errors;
  }

  /** The created plugins of one kind, in order; policies of one worker group. */
  plugins(kind: PluginKind, workerGroup = 0): readonly CreatedPlugin[] {
    return this.live.filter(
      (plugin) => plugin.definition.kind === kind && (plugin.workerGroup ?? 0) === workerGroup,
    );
  }

  /**
   * One plugin instead of those of its kind and worker group: made and started, then `apply`, and
   * when that has succeeded the old ones are stopped. When a step fails the old ones stay.
   */
  async exchange(
    loaded: LoadedPlugin,
    withheld: Withheld,
    apply: (made: CreatedPlugin) => Promise<void>,
  ): Promise<SledgeError[]> {
    const old = this.replacedBy(loaded);
    const made = await this.rehearse(loaded, withheld);
    made.started = true;
    await this.step(made, 'start', () => made.instance.start?.());
    await apply(made);
    const at = old[0] === undefined ? this.live.length : this.live.indexOf(old[0]);
    this.live.splice(at, old.length, made);
    return this.unwind('stop', old);
  }

  /** As far as `exchange` goes without any effect: it is made, and others would work with it. */
  async rehearse(loaded: LoadedPlugin, withheld: Withheld): Promise<LivePlugin> {
    const { workerGroup = 0 } = loaded;
    const old = this.replacedBy(loaded);
    const others = this.live.filter(
      (plugin) => (plugin.workerGroup ?? workerGroup) === workerGroup && !old.includes(plugin),
    );
    checkCapabilities([...others, loaded], () => [], withheld);
    return this.createOne(loaded);
  }

  /**
   * The created instances of one kind, in order; with `workerGroup` those of that group. The
   * caller knows what the kind promises.
   */
  instances(kind: PluginKind, workerGroup?: number): { name: string; instance: PluginInstance }[] {
    return this.live
      .filter(
        (plugin) =>
          plugin.definition.kind === kind &&
          (workerGroup === undefined || plugin.workerGroup === workerGroup),
      )
      .map((plugin) => ({ name: plugin.definition.name, instance: plugin.instance }));
  }

  private replacedBy({ definition, workerGroup = 0 }: LoadedPlugin): LivePlugin[] {
    return this.live.filter(
      (plugin) =>
        (plugin.workerGroup ?? workerGroup) === workerGroup &&
        plugin.definition.kind === definition.kind,
    );
  }

  private async createOne(plugin: LoadedPlugin): Promise<LivePlugin> {
    const instance = await this.step(plugin, 'create', () =>
      plugin.definition.create(plugin.options, this.contextFor(plugin)),
    );
    const reason = instanceProblem(plugin.definition.kind, instance);
    if (reason === undefined) return { ...plugin, instance, started: false };
    throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', { plugin: nameOf(plugin), reason });
  }

  private async unwind(step: 'drain' | 'stop', plugins = this.live): Promise<SledgeError[]> {
    const errors: SledgeError[] = [];
    for (const plugin of plugins.toReversed()) {
      if (!plugin.started) continue;
      try {
        await this.step(plugin, step, () => plugin.instance[step]?.());
      } catch (error) {
        errors.push(error as SledgeError);
      }
    }
    return errors;
  }

  private async step<T>(
    plugin: LoadedPlugin,
    step: LimitedStep,
    run: () => Promise<T> | T,
  ): Promise<T> {
    const limitMs = this.options.limits[`${step}TimeoutMs`];
    try {
      return await withTimeLimit(nameOf(plugin), step, limitMs, run);
    } catch (error) {
      if (error instanceof SledgeError) throw error;
      const details = { plugin: nameOf(plugin), reason: reasonOf(error) };
      throw new SledgeError(STEP_ERRORS[step], details, { cause: error });
    }
  }

  private contextFor(plugin: LoadedPlugin): PluginContext {
    const { container = rootContainer, logger, seed } = this.options;
    const context: PluginContext = {
      logger: logger.child({ plugin: plugin.definition.name }),
      clock: { nowNs },
      random: seededRandom(seedFor(seed, plugin.definition.name)),
      container: container.createChildContainer(),
    };
    context.container.register(tokens.Logger, { useValue: context.logger });
    context.container.register(tokens.Options, { useValue: plugin.options });
    context.container.register(tokens.Context, { useValue: context });
    return context;
  }
}

function nameOf(plugin: LoadedPlugin): string {
  return plugin.definition.name;
}

/** Integer nanoseconds since the process started. */
function nowNs(): number {
  return Math.round(performance.now() * 1e6);
}
