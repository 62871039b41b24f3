import pino from 'pino';
import { SledgeError, tokens } from '@sledge/core';
import type {
  FunctionHandle,
  InvocationRequest,
  Invoker,
  Outcome,
  PluginContext,
  TenantView,
  TransportInstance,
} from '@sledge/core';
import { LoadMeter } from '../../../core/src/placement/load-meter';
import plugin from '../src';

export interface Call {
  readonly fn: FunctionHandle;
  readonly request: InvocationRequest;
  readonly input: string;
  end(outcome?: Partial<Outcome>): void;
}

/** Stands in for the data plane: `answer` decides at once, or the test ends calls by hand. */
export class FakeInvoker implements Invoker {
  readonly calls: Call[] = [];
  inFlight = 0;
  answer: ((call: Call) => Partial<Outcome> | undefined) | undefined;
  refuse: SledgeError | undefined;
  readonly meter = new LoadMeter();
  /** Ids of calls that nobody waits for any more. */
  readonly cancelled: number[] = [];

  invoke(fn: FunctionHandle, request: InvocationRequest, onOutcome: (o: Outcome) => void): number {
    if (this.refuse !== undefined) throw this.refuse;
    return this.meter.measure(fn, undefined, onOutcome, (end) => this.#run(fn, request, end));
  }

  #run(fn: FunctionHandle, request: InvocationRequest, onOutcome: (o: Outcome) => void): number {
    this.inFlight += 1;
    const end = (outcome: Partial<Outcome> = {}) => {
      this.inFlight -= 1;
      const times = { queueNs: 1_000_000, runNs: 2_000_000, totalNs: 3_000_000 };
      const output = Buffer.alloc(0);
      onOutcome({ status: 'completed', exitCode: 0, output, times, ...outcome });
    };
    const call = { fn, request, input: Buffer.from(request.input ?? []).toString(), end };
    this.calls.push(call);
    const outcome = this.answer?.(call);
    if (outcome !== undefined) setImmediate(() => end(outcome));
    return this.calls.length;
  }

  cancel(id: number): void {
    this.cancelled.push(id);
    const error = new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED');
    setImmediate(() => this.calls[id - 1]?.end({ status: 'cancelled', error }));
  }
}

export const output = (text: string): Partial<Outcome> => ({ output: Buffer.from(text) });

export function makeFunction(fn: Partial<FunctionHandle> = {}): FunctionHandle {
  return {
    tenant: 'acme',
    name: 'fib',
    route: undefined,
    requestType: undefined,
    responseContentType: 'text/plain',
    responseFormat: 'raw',
    relativeDeadlineUs: undefined,
    maxBodyBytes: 2_000_000,
    ...fn,
  };
}

export const tenantOf = (name: string, ...functions: string[]): TenantView => ({
  name,
  port: undefined,
  functions: functions.map((fn) => makeFunction({ tenant: name, name: fn })),
});

export interface Running {
  readonly transport: TransportInstance;
  readonly invoker: FakeInvoker;
  change(tenants: readonly TenantView[]): void;
  /** A tenant is about to be so; the result gives back what that takes. */
  prepare(tenant: TenantView): Promise<() => Promise<void>>;
  stats(): Record<string, number>;
  connected(): Promise<void>;
}

/** The real plugin at a real nats-server, with one worker that does not exist. */
export async function startNode(
  options: Record<string, unknown>,
  tenants: readonly TenantView[] = [tenantOf('acme', 'fib')],
  { isHeld = false } = {},
): Promise<Running> {
  const invoker = new FakeInvoker();
  invoker.answer = ({ input }) => output(`did ${input}`);
  let listener: ((tenants: readonly TenantView[]) => void) | undefined;
  let asked: Running['prepare'] = async () => async () => undefined;
  const host = {
    invoker,
    tenants: () => tenants,
    load: () => {
      const stats = () => ({ workers: 1, inFlight: invoker.inFlight });
      return invoker.meter.now({ stats }, Math.round(performance.now() * 1e6));
    },
    estimateNs: (fn: FunctionHandle) => invoker.meter.estimateNs(fn, undefined),
    onTenantsChanged(added: typeof listener) {
      listener = added;
      return () => (listener = undefined);
    },
    onTenantChanging: (added: typeof asked) => {
      asked = added;
      return () => undefined;
    },
  };
  const container = {
    resolve: (token: unknown) => (token === tokens.TransportHost ? host : undefined),
  };
  const ctx = { logger: pino({ level: 'silent' }), container } as unknown as PluginContext;
  const fast = { reconnectWaitMs: 20, ...options };
  const transport = await plugin.create(plugin.options.parse(fast), ctx);
  if (isHeld) await transport.setTakingWork?.(false);
  await transport.start();
  const stats = () => transport.stats?.() ?? {};
  return {
    transport,
    invoker,
    stats,
    change: (next) => listener?.(next),
    prepare: (tenant) => asked(tenant),
    connected: () => until(() => stats()['connected'] === stats()['connections']),
  };
}

/** Waits for a condition; only a hang makes it fail. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
