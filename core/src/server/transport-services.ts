import type { Logger } from 'pino';
import type { DataPlane } from '../contracts/data-plane';
import type {
  FunctionHandle,
  InvocationRequest,
  Invoker,
  OutcomeCallback,
} from '../contracts/invocation';
import type { RpcServer, RpcServerOptions, TenantView, TransportHost } from '../contracts/kinds';
import type { NodeLoad, PeerLink } from '../contracts/placement';
import { SledgeError } from '../errors/sledge-error';
import { FileWatch } from '../files/file-watch';
import type { FunctionRegistry, LoadedFunction } from '../functions/function-registry';
import { isEasyToRepeat } from '../functions/module-repair';
import type { ModuleRepair } from '../functions/module-repair';
import { LoadMeter } from '../placement/load-meter';
import type { NodePlacement } from '../placement/node-placement';
import type { PlacementReport } from '../placement/placement-counters';
import type { PluginHost } from '../plugins/plugin-host';
import { openPlacement } from './placement-step';
import { RpcService } from './rpc-service';

type TenantsListener = (tenants: readonly TenantView[]) => void | Promise<void>;
type GiveBack = () => Promise<void>;
type TenantListener = (tenant: TenantView) => Promise<GiveBack>;

/** The one way into the data plane, shared by every transport and by `sledge invoke`. */
export class TransportServices implements TransportHost, Invoker {
  readonly invoker: Invoker = this;
  private readonly listeners = new Set<TenantsListener>();
  private readonly asked = new Set<TenantListener>();
  private plane: DataPlane | undefined;
  private registry: FunctionRegistry | undefined;
  private repair: ModuleRepair | undefined;
  private placement: NodePlacement | undefined;
  private meter: LoadMeter | undefined;
  private isOpen = false;
  /** Certificates and keys of listeners. */
  readonly files = new FileWatch();
  isRecording = false;

  /** From now on invocations are accepted. */
  open(plane: DataPlane, registry: FunctionRegistry, repair?: ModuleRepair): void {
    this.plane = plane;
    this.repair = repair;
    this.registry = registry;
    this.isOpen = true;
    void this.publish();
  }

  /** Asks the placement of the configuration, if any, where what transports bring runs. */
  placeWith(host: PluginHost, logger: Logger, seed: number): void {
    if (this.plane === undefined) return;
    const here = {
      ...{ runLocally: this.invokeHere, load: () => this.load() },
      estimateNs: (fn: FunctionHandle) => this.estimateNs(fn),
      plane: { cancel: (id: number) => this.cancelHere(id) },
    };
    this.placement = openPlacement({ host, logger, seed, ...here });
  }

  connectPeers(link: PeerLink): () => void {
    return this.placement?.connect(link) ?? (() => undefined);
  }

  /** What was decided, and what became of it; empty: there is no placement. */
  placementStats(): Readonly<Record<string, number>> {
    return this.placement?.stats() ?? {};
  }

  /** For metrics; undefined: there is no placement. */
  placementReport(): PlacementReport | undefined {
    return this.placement?.report();
  }

  /** Tells transports which tenants and functions there are; resolves when they serve them. */
  async publish(): Promise<void> {
    const { tenants } = this.registry ?? { tenants: [] };
    const told = [...this.listeners].map(async (listener) => listener(tenants));
    await Promise.allSettled(told);
    await Promise.all(told);
  }

  /**
   * Asks transports for what a tenant needs before it is made or changed.
   * @returns gives that back. @throws what a transport refuses it with; then nothing is taken.
   */
  readonly prepareTenant = async (tenant: TenantView): Promise<GiveBack> => {
    const taken: GiveBack[] = [];
    const giveBack = async (): Promise<void> => {
      // one that cannot says so in its log: the others give back all the same
      await Promise.allSettled(taken.splice(0).map((one) => one()));
    };
    try {
      for (const listener of this.asked) taken.push(await listener(tenant));
    } catch (error) {
      await giveBack();
      throw error;
    }
    return giveBack;
  };

  /** From now on each invoke throws SLEDGE_ERR_INVOKE_DRAINING. */
  close(): void {
    this.isOpen = false;
  }

  invoke(fn: FunctionHandle, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    if (this.placement !== undefined && this.isOpen) {
      return this.placement.invoke(fn, request, onOutcome);
    }
    return this.invokeHere(fn, request, onOutcome);
  }

  /** On this node, whatever the placement says. */
  readonly invokeHere = (
    fn: FunctionHandle,
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
  ): number => {
    if (!this.isOpen || this.plane === undefined) {
      throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
    }
    if (this.meter === undefined) return this.submit(this.plane, fn, request, onOutcome);
    const { expectedExecutionUs } = fn as LoadedFunction;
    const run = (onEnd: OutcomeCallback): number =>
      this.submit(this.plane as DataPlane, fn, request, onEnd);
    return this.meter.measure(fn, expectedExecutionUs, onOutcome, run);
  };

  private submit(
    plane: DataPlane,
    fn: FunctionHandle,
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
  ): number {
    const { target } = fn as LoadedFunction;
    if (target.split !== undefined) return target.split.submit(plane, request, onOutcome);
    if (this.repair !== undefined && (!target.isProven || isEasyToRepeat(request))) {
      return this.repair.submit(plane, fn as LoadedFunction, request, onOutcome);
    }
    return plane.submit(target.id, request, onOutcome);
  }

  /** A call has found that its module is not there any more. */
  mend(fn: number): void {
    if (this.isOpen) void this.repair?.mend(fn);
  }

  cancel(id: number): void {
    if (this.placement?.cancel(id) !== true) this.cancelHere(id);
  }

  private cancelHere(id: number): void {
    const current = this.repair === undefined ? id : this.repair.cancelled(id);
    if (current !== undefined) this.plane?.cancel(current);
  }

  get inFlight(): number {
    const elsewhere = (this.placement?.awayCount ?? 0) + (this.repair?.waitingCount ?? 0);
    return (this.plane?.inFlight ?? 0) + elsewhere;
  }

  tenants(): readonly TenantView[] {
    return this.registry?.tenants ?? [];
  }

  load(): NodeLoad {
    const stats = (): Record<string, number> => this.plane?.stats() ?? {};
    return this.measured().now({ stats }, Math.round(performance.now() * 1e6));
  }

  estimateNs(fn: FunctionHandle): number {
    return this.measured().estimateNs(fn, (fn as LoadedFunction).expectedExecutionUs);
  }

  /** From the first question on requests are measured; nobody pays for it who never asks. */
  private measured(): LoadMeter {
    return (this.meter ??= new LoadMeter());
  }

  serveRpc(options: RpcServerOptions, onLine: (line: string) => void): RpcServer {
    if (!this.isOpen || this.plane === undefined) {
      throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
    }
    return new RpcService(this.plane, options, onLine);
  }

  watchFiles(files: readonly string[], onChange: () => void): () => void {
    return this.files.watch(files, onChange);
  }

  onTenantsChanged(listener: TenantsListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  onTenantChanging(listener: TenantListener): () => void {
    this.asked.add(listener);
    return () => this.asked.delete(listener);
  }
}
