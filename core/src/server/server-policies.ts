import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load-config';
import { referenceOf } from '../config/plugin-references';
import type { PluginChoice } from '../config/schema';
import type {
  DataPlane,
  DataPlaneOptions,
  DataPlanePolicy,
  PolicyLimits,
  PolicyStatus,
  ServingPolicy,
} from '../contracts/data-plane';
import type { NativePolicyInstance } from '../contracts/kinds';
import { SledgeError } from '../errors/sledge-error';
import { hint } from '../nearest';
import { isPolicyName } from '../cluster/entries';
import { withheldBy } from '../plugins/capabilities';
import { userModuleFiles } from '../plugins/load-user-module';
import { loadPlugin, type CreatedPlugin, type PluginHost } from '../plugins/plugin-host';
import { isPathOfPlugin, userFileOf, type PluginReference } from '../plugins/resolve-plugin';
import { policyContext } from '../policies/policy-context';
import { probePolicy } from '../policies/probe-policy';
import type { PolicyKind } from './policy-kinds';

type GroupPolicies = Pick<DataPlaneOptions, 'dispatcher' | 'scheduler' | 'estimator' | 'admission'>;

export type PolicyChange = [
  kind: PolicyKind,
  choice: PluginChoice,
  group?: string,
  files?: 'any' | 'own',
];

/** A policy that is named by the path of one file: it decides, or did until it was ejected. */
export interface PolicyFile {
  /** One for each kind and worker group. */
  key: string;
  reference: PluginReference;
  /** The file, and the user's files that it imports. */
  files: readonly string[];
}

interface NamedPolicy {
  reference: PluginReference;
  /** Undefined: it is not named by the path of a file. */
  file: string | undefined;
}

/** The policies of one server: from plugins to what the data plane takes, and their exchange. */
export class ServerPolicies {
  /** By kind and worker group: dispatchers and schedulers as they were named last. */
  private readonly named = new Map<string, NamedPolicy>();
  /** Files that the configuration names. */
  private readonly ownFiles = new Set<string>();
  private readonly ownSources = new Set<unknown>();
  /** Worker groups in which fallbacks are in place of dispatcher and scheduler. */
  private readonly fallen = new Set<number>();
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly host: PluginHost,
    private readonly loaded: LoadedConfig,
    private readonly logger: Logger,
  ) {
    for (const reference of loaded.plugins) {
      const file = userFileOf(reference, loaded.folder);
      this.note(reference, file);
      this.ownSources.add(reference.source);
      if (file !== undefined) this.ownFiles.add(file);
    }
  }

  /** Of the plugins that were created from the config for this worker group. */
  ofGroup(workerGroup: number): GroupPolicies {
    const only = (kind: PolicyKind) => this.host.plugins(kind, workerGroup)[0] as CreatedPlugin;
    const optional = (kind: PolicyKind) => {
      const found = this.host.plugins(kind, workerGroup)[0];
      return found && nativeOf(found);
    };
    return {
      dispatcher: servingOf(only('dispatcher')),
      scheduler: servingOf(only('scheduler')),
      estimator: optional('estimator'),
      admission: optional('admission'),
    };
  }

  limitsAndReports(): Pick<DataPlaneOptions, 'policyLimits' | 'onPolicyEjected'> {
    return {
      policyLimits: this.limits(),
      onPolicyEjected: (ejection) => {
        const { group, policy, reason } = ejection;
        this.fallen.add(this.indexOf(group));
        const of = group === undefined ? '' : ` of worker group ${group}`;
        const message = `policy ${policy}${of} is ejected: ${reason}; the fallback decides`;
        this.logger.error(ejection, message);
      },
    };
  }

  /**
   * One exchange after another. @param choice its file is read anew, if it names one. @param group
   * a worker group by its name; undefined: the first. @param files which it may name: `own` are
   * those of the configuration. @throws SledgeError; nothing has changed.
   */
  async set(
    plane: DataPlane,
    ...[kind, choice, group, files = 'any']: PolicyChange
  ): Promise<void> {
    const reference = this.referenceTo(kind, choice, group);
    if (files === 'own' && !this.isOwn(reference)) throw new SledgeError('SLEDGE_ERR_ADMIN_FILES');
    await this.inTurn(() => this.exchange(plane, kind, choice, reference));
  }

  /**
   * As far as `set` goes without any effect. @param choice no path of a file.
   * @throws SledgeError as `set` does.
   */
  async check(kind: PolicyKind, choice: PluginChoice, group: string | undefined): Promise<void> {
    const reference = this.referenceTo(kind, choice, group);
    if (isOptional(kind) && choice === 'none') return;
    const plugin = loadPlugin(reference, this.loaded.folder);
    policyOf(kind, await this.host.rehearse(plugin, withheldBy(this.loaded.config)));
  }

  private referenceTo(kind: PolicyKind, choice: PluginChoice, group: string | undefined) {
    const workerGroup = this.indexOf(group);
    const { groups } = this.loaded.config.workers;
    const place = groups === undefined ? kind : `workers.groups[${workerGroup}].${kind}`;
    return { ...referenceOf(place, kind, choice), workerGroup };
  }

  /** One of `files` as its file is now. @throws SledgeError; then the one before stays. */
  renew(plane: DataPlane, key: string): Promise<void> {
    return this.inTurn(async () => {
      const { reference, file } = this.named.get(key) ?? {};
      if (reference === undefined || file === undefined) return;
      await this.again(plane, reference);
      await this.bringBack(plane, reference);
    });
  }

  /** Both in TypeScript leave at once, and either can have been at fault: both come back. */
  private async bringBack(plane: DataPlane, { kind, workerGroup = 0 }: PluginReference) {
    if (!this.fallen.delete(workerGroup)) return;
    const neighbour = kind === 'dispatcher' ? 'scheduler' : 'dispatcher';
    const { reference, file } = this.named.get(`${neighbour} ${workerGroup}`) ?? {};
    if (reference === undefined || file === undefined) return;
    await this.again(plane, reference);
  }

  private again(plane: DataPlane, reference: PluginReference): Promise<void> {
    const { kind, source, options, workerGroup = 0 } = reference;
    const choice = (options === undefined ? source : [source, options]) as PluginChoice;
    return this.exchange(plane, kind as PolicyKind, choice, { ...reference, workerGroup });
  }

  /** Dispatchers and schedulers that are named by the path of one file. */
  files(): PolicyFile[] {
    return [...this.named].flatMap(([key, { reference, file }]) =>
      file === undefined ? [] : [{ key, reference, files: userModuleFiles(file) }],
    );
  }

  /** It is a name, or a file that the configuration names, too: no other code of this machine. */
  private isOwn(reference: PluginReference): boolean {
    const { source } = reference;
    if (typeof source !== 'string' || this.ownSources.has(source)) return true;
    // what is in a package leads out of it, too: x/../../file.js
    if (!isPathOfPlugin(source)) return isPolicyName(source);
    const file = userFileOf(reference, this.loaded.folder);
    return file !== undefined && this.ownFiles.has(file);
  }

  private indexOf(group: string | undefined): number {
    if (group === undefined) return 0;
    const names = this.loaded.config.workers.groups?.map(({ name }) => name) ?? [];
    const index = names.indexOf(group);
    if (index >= 0) return index;
    const known =
      names.length === 0 ? 'workers.groups is missing' : `there are ${names.join(', ')}`;
    const details = { group, hint: hint(group, names) || `; ${known}.` };
    throw new SledgeError('SLEDGE_ERR_CONFIG_GROUP', details);
  }

  private inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.queue.then(change);
    this.queue = done.catch(() => undefined);
    return done;
  }

  private async exchange(
    plane: DataPlane,
    kind: PolicyKind,
    choice: PluginChoice,
    named: PluginReference & { workerGroup: number },
  ): Promise<void> {
    if (plane.setPolicies === undefined) {
      throw new SledgeError('SLEDGE_ERR_INTERNAL', {
        reason: 'this data plane keeps its policies',
      });
    }
    const { workerGroup } = named;
    if (isOptional(kind) && choice === 'none')
      return plane.setPolicies({ [kind]: null }, workerGroup);
    const reference = { ...named, isFresh: true };
    await this.probe(reference);
    const plugin = loadPlugin(reference, this.loaded.folder);
    const errors = await this.host.exchange(
      plugin,
      withheldBy(this.loaded.config),
      async (made) => {
        await plane.setPolicies?.({ [kind]: policyOf(kind, made) }, workerGroup);
      },
    );
    this.note(reference, userFileOf(reference, this.loaded.folder));
    for (const error of errors) this.logger.warn({ code: error.code }, error.message);
    const group = this.loaded.config.workers.groups?.[workerGroup]?.name;
    this.logger.info({ kind, policy: plugin.definition.name, group }, `${kind} is exchanged`);
  }

  private async probe(reference: PluginReference): Promise<void> {
    const { folder, config } = this.loaded;
    if (userFileOf(reference, folder) === undefined) return;
    const { createTimeoutMs } = config.lifecycle;
    await probePolicy({ reference, folder, seed: config.seed }, createTimeoutMs);
  }

  private note(reference: PluginReference, file: string | undefined): void {
    const { kind, workerGroup = 0 } = reference;
    if (kind !== 'dispatcher' && kind !== 'scheduler') return;
    this.named.set(`${kind} ${workerGroup}`, { reference, file });
  }

  status(plane: DataPlane): PolicyStatus {
    const status = plane.policyStatus?.();
    if (status !== undefined) return status;
    throw new SledgeError('SLEDGE_ERR_INTERNAL', { reason: 'this data plane keeps its policies' });
  }

  /** Fallbacks are plugins like all others; undefined when they are not installed. */
  private limits(): PolicyLimits | undefined {
    const { decisionLimitMs, starvationLimitMs, fallbackDispatcher, fallbackScheduler } =
      this.loaded.config.policies;
    try {
      const dispatcher = this.fallback('dispatcher', fallbackDispatcher);
      const scheduler = this.fallback('scheduler', fallbackScheduler);
      return { decisionLimitMs, starvationLimitMs, fallback: { dispatcher, scheduler } };
    } catch (error) {
      if (this.isScripted()) throw error;
      return undefined;
    }
  }

  private isScripted(): boolean {
    return [...this.host.instances('dispatcher'), ...this.host.instances('scheduler')].some(
      ({ instance }) => (instance as Partial<NativePolicyInstance>).native === undefined,
    );
  }

  private fallback(kind: 'dispatcher' | 'scheduler', name: string): DataPlanePolicy {
    const reference = referenceOf(`policies.fallback.${kind}`, kind, name);
    const { definition, options } = loadPlugin(reference, this.loaded.folder);
    const context = policyContext(definition.name, this.loaded.config.seed);
    const instance = definition.create(options, context) as Partial<NativePolicyInstance>;
    if (instance.native !== undefined) return { name: definition.name, ...instance.native };
    const details = { plugin: name, reason: 'a fallback must be a native policy' };
    throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', details);
  }
}

function isOptional(kind: PolicyKind): boolean {
  return kind === 'estimator' || kind === 'admission';
}

function policyOf(kind: PolicyKind, made: CreatedPlugin): ServingPolicy {
  return isOptional(kind) ? nativeOf(made) : servingOf(made);
}

function nativeOf({ definition, instance }: CreatedPlugin): DataPlanePolicy {
  return { name: definition.name, ...(instance as NativePolicyInstance).native };
}

function servingOf(plugin: CreatedPlugin): ServingPolicy {
  const { definition, file, options, instance } = plugin;
  if ((instance as Partial<NativePolicyInstance>).native !== undefined) return nativeOf(plugin);
  if (file !== undefined) return { name: definition.name, script: file, options };
  throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', {
    plugin: definition.name,
    reason: 'a policy in TypeScript runs on a thread of its own: name it by its path',
  });
}
