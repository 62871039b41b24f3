import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { RegistryEntry, RegistryInstance, RegistryState } from '../contracts/registry';
import type { Deployment, FunctionName, SplitRequest } from '../control/function-control';
import type { FunctionReport } from '../control/reports';
import type { StoredFunction } from '../control/function-store';
import { SledgeError } from '../errors/sledge-error';
import { reasonOf } from '../errors/reason';
import { hint } from '../nearest';
import { ClusterChanges } from './cluster-changes';
import type { Changed } from './cluster-changes';
import { Convergence } from './convergence';
import { keys, kindOfKey, parseEntry } from './entries';
import type { PolicyEntry } from './entries';
import { nodeReportsOf, nodeText } from './node-report';
import type { NodeReport, NodeSaid } from './node-report';
import { clusterFunctionReport } from './function-report';
import { ServerAdopter } from './server-adopter';
import type { ClusterServer } from './server-adopter';

/** What one node made of a change. */
export interface NodeOutcome {
  node: string;
  state: 'converged' | 'failed' | 'behind' | 'lost';
  /** Why it failed. */
  reason?: string;
}

/** A change, and what became of it on each node within the time that was given. */
export interface ClusterAnswer {
  revision: number;
  nodes: NodeOutcome[];
  function?: FunctionReport;
}

export interface ClusterReport {
  node: string;
  state: RegistryState['state'];
  reason?: string;
  /** Of the registry, up to which this node has taken everything over. */
  revision: number;
  pending: number;
  failures: { key: string; revision: number; code: string; message: string }[];
}

/** What the admin API and the command line can do to a cluster. */
export interface ClusterTarget {
  report(): ClusterReport;
  nodes(): Promise<NodeReport[]>;
  deploy(deployment: Deployment, waitMs: number): Promise<ClusterAnswer>;
  rollback(fn: FunctionName, version: number | undefined, waitMs: number): Promise<ClusterAnswer>;
  split(request: SplitRequest, waitMs: number): Promise<ClusterAnswer>;
  undeploy(fn: FunctionName, waitMs: number): Promise<ClusterAnswer>;
  functionReport(fn: FunctionName): Promise<FunctionReport>;
  setTenant(name: string, settings: object, waitMs: number): Promise<ClusterAnswer>;
  removeTenant(name: string, waitMs: number): Promise<ClusterAnswer>;
  setPolicy(policy: PolicyEntry, waitMs: number): Promise<ClusterAnswer>;
  setNode(node: string, isTaking: boolean, waitMs: number): Promise<ClusterAnswer>;
}

/** What a node tells of its server. */
export interface ClusterOptions {
  readonly registry: RegistryInstance;
  readonly server: ClusterServer;
  readonly logger: Logger;
  /** Entries that are taken over at once. */
  readonly parallel: number;
  readonly about: () => Pick<NodeSaid, 'version' | 'addresses' | 'functions' | 'load' | 'placed'>;
}

const POLL_MS = 20;
/** A node that has missed so many heartbeats counts as lost. */
const BEATS_MISSED = 4;

/** One node of a cluster: it converges to the registry, says how it does, and makes changes. */
export class Cluster implements ClusterTarget {
  private readonly adopter: ServerAdopter;
  private readonly convergence: Convergence;
  private readonly changes: ClusterChanges;
  /** Hashes of their modules, by the key of a function. */
  private readonly hashes = new Map<string, readonly string[]>();
  private readonly instance = randomUUID();
  private readonly startedAt = new Date().toISOString();
  private work: NodeSaid['state'] = 'joining';
  private beat: NodeJS.Timeout | undefined;
  private announcing: Promise<void> | undefined;
  private isStale = false;
  private hasSpoken = false;
  /** Times in a row that somebody else spoke in this node's name. */
  private strangers = 0;
  private isOver = false;
  private takingTurn = 0;
  /** What functions name is known whole: what none names may go. */
  private knowsAll = false;

  constructor(private readonly options: ClusterOptions) {
    const { registry, server, logger, parallel } = options;
    const { live } = server;
    const setTakingWork = this.setTakingWork.bind(this);
    this.adopter = new ServerAdopter({ ...server, setTakingWork }, registry);
    this.convergence = new Convergence(this.adopter, logger, parallel, () => this.announce());
    this.changes = new ClusterChanges(registry, live, this.adopter.stash);
    live.checkOwner = (tenant, name) => this.checkOwner(tenant, name);
    live.control.onGivenUp = (fn, version, reason) => this.giveUp(fn, version, reason);
    registry.watch({
      onAll: (entries, epoch) => {
        this.hashes.clear();
        for (const entry of entries) this.note(entry);
        this.knowsAll = true;
        this.convergence.all(entries, epoch);
        this.join(entries);
      },
      onChange: (entry) => {
        this.note(entry);
        this.convergence.one(entry);
      },
      onState: (state) => this.onState(state),
    });
    this.beat = setInterval(() => this.announce(), registry.heartbeatMs).unref();
  }

  report(): ClusterReport {
    const { registry } = this.options;
    const { state, reason } = registry.state();
    const { revision, pending } = this.convergence;
    const failures = this.convergence.failures().slice(0, FAILURES_SHOWN);
    const why = reason === undefined ? {} : { reason };
    return { node: registry.node, state, ...why, revision, pending, failures };
  }

  async nodes(): Promise<NodeReport[]> {
    const { registry } = this.options;
    return nodeReportsOf(await registry.nodes(), registry.heartbeatMs * BEATS_MISSED);
  }

  async deploy(deployment: Deployment, waitMs: number): Promise<ClusterAnswer> {
    const changed = await this.changes.deploy(deployment);
    void this.tidyModules();
    return this.functionAnswer(changed, waitMs);
  }

  async rollback(
    fn: FunctionName,
    version: number | undefined,
    waitMs: number,
  ): Promise<ClusterAnswer> {
    return this.functionAnswer(await this.changes.rollback(fn, version), waitMs);
  }

  async split(request: SplitRequest, waitMs: number): Promise<ClusterAnswer> {
    return this.functionAnswer(await this.changes.split(request), waitMs);
  }

  async undeploy(fn: FunctionName, waitMs: number): Promise<ClusterAnswer> {
    return this.answer(await this.changes.undeploy(fn), waitMs);
  }

  async functionReport(fn: FunctionName): Promise<FunctionReport> {
    return clusterFunctionReport(await this.changes.report(fn));
  }

  async setTenant(name: string, settings: object, waitMs: number): Promise<ClusterAnswer> {
    return this.answer(await this.changes.setTenant(name, settings), waitMs);
  }

  async removeTenant(name: string, waitMs: number): Promise<ClusterAnswer> {
    if (!this.knowsAll) {
      const reason = 'this node has not read all of it yet';
      throw new SledgeError('SLEDGE_ERR_CLUSTER_AWAY', { reason });
    }
    const own = keys.functionsOf(name);
    const functions = () => [...this.hashes.keys()].filter((key) => key.startsWith(own));
    return this.answer(await this.changes.removeTenant(name, functions), waitMs);
  }

  async setPolicy(policy: PolicyEntry, waitMs: number): Promise<ClusterAnswer> {
    const check = (wanted: PolicyEntry) => this.options.server.checkPolicy(wanted);
    return this.answer(await this.changes.setPolicy(policy, check), waitMs);
  }

  /** Resolves when that node has ended what it had, or takes work again, or the time is over. */
  async setNode(node: string, isTaking: boolean, waitMs: number): Promise<ClusterAnswer> {
    const known = (await this.nodes()).map((one) => one.node);
    if (!known.includes(node)) {
      throw new SledgeError('SLEDGE_ERR_CLUSTER_NODE', { node, hint: hint(node, known) });
    }
    const { revision } = await this.changes.setNode(node, isTaking);
    const wanted = isTaking ? 'serving' : 'drained';
    return this.settled(revision, waitMs, (reports) => {
      const report = reports.find((one) => one.node === node);
      const isSo = (report?.revision ?? 0) >= revision && report?.state === wanted;
      const state = isSo ? 'converged' : report?.state === 'lost' ? 'lost' : 'behind';
      return [{ node, state }];
    });
  }

  /** The server drains: it takes nothing over any more, and says so. */
  drain(): void {
    this.isOver = true;
    this.work = 'stopping';
    this.convergence.close();
    this.announce();
  }

  /** Call it before the registry stops. */
  async stop(): Promise<void> {
    this.isOver = true;
    clearInterval(this.beat);
    this.convergence.close();
    await this.announcing;
    await this.options.registry.announce(undefined).catch(() => undefined);
  }

  private onState({ state, reason }: RegistryState): void {
    const { logger } = this.options;
    if (this.isOver) return;
    if (state === 'away') this.knowsAll = false;
    if (state === 'connected') logger.info('registry: connected');
    else logger.warn({ reason }, 'registry: away; what is here serves on');
    if (state === 'connected') this.announce();
  }

  private note({ key, value }: RegistryEntry): void {
    if (kindOfKey(key) !== 'function') return;
    if (value === undefined) this.hashes.delete(key);
    else this.hashes.set(key, value.match(/(?<=")[0-9a-f]{64}(?=")/g) ?? []);
  }

  /** It takes work of the cluster once it knows that it is not drained. */
  private join(entries: readonly RegistryEntry[]): void {
    if (this.work !== 'joining' || this.isOver) return;
    const key = keys.node(this.options.registry.node);
    const own = entries.find((entry) => entry.key === key && entry.value !== undefined);
    void this.setTakingWork(own === undefined || !saysDrained(own));
  }

  private checkOwner(tenant: string, name?: string): void {
    const key = name === undefined ? keys.tenant(tenant) : keys.function(tenant, name);
    if (!this.adopter.owned.has(key)) return;
    const what = name === undefined ? `The tenant ${tenant}` : `The function ${tenant}/${name}`;
    throw new SledgeError('SLEDGE_ERR_CLUSTER_OWNED', { what });
  }

  private giveUp(fn: FunctionName, version: number, reason: string): void {
    if (!this.adopter.owned.has(keys.function(fn.tenant, fn.name))) return;
    const { logger, registry } = this.options;
    this.changes.giveUp(fn, version, `${registry.node}: ${reason}`).catch((error: unknown) => {
      logger.warn({ err: error, ...fn, version }, 'given up here, and the cluster does not know');
    });
  }

  private async setTakingWork(isTaking: boolean): Promise<void> {
    const turn = (this.takingTurn += 1);
    this.work = isTaking ? 'serving' : 'draining';
    this.announce();
    const { logger, server } = this.options;
    try {
      await server.setTakingWork(isTaking);
    } catch (error) {
      const wanted = isTaking ? 'take' : 'stop taking';
      logger.error({ err: error }, `a transport does not ${wanted} work of the cluster`);
      if (isTaking && turn === this.takingTurn) this.work = 'joining';
      return;
    }
    if (turn !== this.takingTurn) return; // it was asked otherwise meanwhile
    if (!isTaking && this.work === 'draining') this.work = 'drained';
    this.announce();
  }

  private async functionAnswer(
    changed: Changed<StoredFunction>,
    waitMs: number,
  ): Promise<ClusterAnswer> {
    const answered = await this.answer(changed, waitMs);
    return { ...answered, function: clusterFunctionReport(changed.value) };
  }

  /** Resolves when all nodes that are not lost have it, or have failed, or the time is over. */
  private async answer(
    { key, revision }: Changed<unknown>,
    waitMs: number,
  ): Promise<ClusterAnswer> {
    return this.settled(revision, waitMs, (reports) =>
      reports.map((one) => outcomeOf(one, key, revision)),
    );
  }

  /** The change is made: a registry that goes away meanwhile leaves nodes behind, and no error. */
  private async settled(
    revision: number,
    waitMs: number,
    outcomesOf: (reports: readonly NodeReport[]) => NodeOutcome[],
  ): Promise<ClusterAnswer> {
    const limitMs = performance.now() + waitMs;
    let reports: readonly NodeReport[] = [];
    for (;;) {
      const now = await this.nodes().catch(() => undefined);
      reports = now ?? reports;
      const nodes = outcomesOf(reports);
      const isSettled = now !== undefined && nodes.every(({ state }) => state !== 'behind');
      if (isSettled || performance.now() >= limitMs) return { revision, nodes };
      await delay(POLL_MS);
    }
  }

  /** Now, or right after the one that is under way. */
  private announce(): void {
    if (this.options.registry.state().state !== 'connected') return;
    if (this.announcing !== undefined) {
      this.isStale = true;
      return;
    }
    this.isStale = false;
    const { registry, logger } = this.options;
    this.announcing = this.checkName()
      .then(() => registry.announce(nodeText(this.say())))
      .then(() => void (this.hasSpoken = true))
      .catch((error: unknown) => logger.debug({ reason: reasonOf(error) }, 'a heartbeat is lost'))
      .finally(() => {
        this.announcing = undefined;
        if (this.isStale && !this.isOver) this.announce();
      });
  }

  /** Since it first spoke nobody else should speak in its name; its earlier life may have. */
  private async checkName(): Promise<void> {
    const { registry, logger } = this.options;
    if (!this.hasSpoken) return;
    const { node } = registry;
    const found = (await registry.nodes()).find((one) => one.node === node);
    const isOther = found !== undefined && !found.text.includes(this.instance);
    this.strangers = isOther ? this.strangers + 1 : 0;
    if (this.strangers !== STRANGERS_SEEN) return;
    logger.error({ node }, `another server is the node ${node} too: give each a name of its own`);
  }

  private say(): NodeSaid {
    const { revision, pending } = this.convergence;
    const failures = this.convergence.failures();
    const { instance, startedAt, work: state } = this;
    const more = { revision, pending, failed: failures.length, failures };
    return { ...this.options.about(), instance, startedAt, state, ...more };
  }

  /** Those that no function names any more; what cannot be read now is left for another time. */
  private async tidyModules(): Promise<void> {
    const { registry, logger } = this.options;
    if (!this.knowsAll) return;
    try {
      await registry.keepModules(new Set([...this.hashes.values()].flat()));
    } catch (error) {
      logger.debug({ reason: reasonOf(error) }, 'modules of the registry are not tidied now');
    }
  }
}

const FAILURES_SHOWN = 100;

/** What is damaged says nothing. */
function saysDrained(entry: RegistryEntry): boolean {
  try {
    const parsed = parseEntry(entry);
    return parsed.kind === 'node' && !parsed.value.isTaking;
  } catch {
    return false;
  }
}
const STRANGERS_SEEN = 3;

function outcomeOf(report: NodeReport, key: string, revision: number): NodeOutcome {
  const { node, state, failures } = report;
  if (state === 'lost') return { node, state };
  const failure = failures.find((one) => one.key === key && one.revision >= revision);
  if (failure !== undefined) return { node, state: 'failed', reason: failure.message };
  return { node, state: report.revision >= revision ? 'converged' : 'behind' };
}
