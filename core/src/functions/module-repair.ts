import type { DataPlane } from '../contracts/data-plane';
import type { InvocationRequest, Outcome, OutcomeCallback } from '../contracts/invocation';
import { SledgeError } from '../errors/sledge-error';
import type { FunctionTarget, LoadedFunction } from './live-function';

/** Requests that may wait for compilers; more are answered as they ended. */
const WAITING_MAX = 1000;
/** And bytes of their bodies. */
const WAITING_BYTES_MAX = 64 << 20;
/** The part of both that one tenant may have. */
const TENANT_PART = 0.5;
/** What was built a moment ago is not built again, whatever is wrong with it. */
const PAUSE_MS = 1000;

/** One call that has found its module gone. */
interface Call {
  readonly plane: DataPlane;
  readonly target: FunctionTarget;
  readonly tenant: string;
  readonly request: InvocationRequest;
  readonly onOutcome: OutcomeCallback;
  /** Of the first run, which the data plane called `first`. */
  readonly outcome: Outcome;
  readonly first: number;
}

interface Usage {
  count: number;
  bytes: number;
}

const NONE: Readonly<Usage> = { count: 0, bytes: 0 };

interface Waiting {
  isCancelled: boolean;
  /** What the data plane calls it since it runs again. */
  second?: number;
}

/**
 * Builds again what has vanished from the cache since it was built: once at a time for each
 * function. A request that finds its module gone before any call of it has succeeded waits for
 * that; later ones fail, and are the reason to build. Main thread.
 */
export class ModuleRepair {
  private readonly running = new Map<number, Promise<boolean>>();
  /** Those that wait, or run a second time, by what the data plane called them first. */
  private readonly calls = new Map<number, Waiting>();
  /** What waits, and of each tenant's. */
  private readonly all: Usage = { ...NONE };
  private readonly ofTenant = new Map<string, Usage>();

  /** @param rebuild of the function that the data plane knows by that number. */
  constructor(
    private readonly rebuild: (id: number) => Promise<void>,
    private readonly onFailed: (id: number, error: unknown) => void,
  ) {}

  /** Requests that wait: the data plane has ended them, and their clients have no answer. */
  get waitingCount(): number {
    return this.all.count;
  }

  /** @returns whether it is there again, or was a moment ago. */
  mend(id: number): Promise<boolean> {
    const known = this.running.get(id);
    if (known !== undefined) return known;
    const mending = this.rebuild(id)
      .then(() => true)
      .catch((error: unknown) => {
        this.onFailed(id, error);
        return false;
      })
      .finally(() => setTimeout(() => this.running.delete(id), PAUSE_MS).unref());
    this.running.set(id, mending);
    return mending;
  }

  /** As `DataPlane.submit`, of a function that has not proved yet that it can be loaded. */
  submit(
    plane: DataPlane,
    { target, tenant }: Pick<LoadedFunction, 'target' | 'tenant'>,
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
  ): number {
    const { id } = target;
    // who submits may use its memory again
    const { input } = request;
    const kept = input === undefined ? request : { ...request, input: Buffer.from(input) };
    const first = plane.submit(id, request, (outcome) => {
      const call = { plane, target, tenant, request: kept, onOutcome, outcome, first };
      if (isLost(outcome) && this.hasRoom(call)) {
        void this.again(call, id);
        return;
      }
      if (target.id === id) target.isProven ||= outcome.times.runNs > 0;
      onOutcome(outcome);
    });
    return first;
  }

  /** @returns what the data plane calls a request by now; undefined: it waits, and ends then. */
  cancelled(id: number): number | undefined {
    const waiting = this.calls.get(id);
    if (waiting === undefined) return id;
    waiting.isCancelled = true;
    return waiting.second;
  }

  private hasRoom({ tenant, request }: Call): boolean {
    const fits = ({ count, bytes }: Usage, part: number): boolean =>
      count < WAITING_MAX * part && bytes + bytesOf(request) <= WAITING_BYTES_MAX * part;
    return fits(this.all, 1) && fits(this.ofTenant.get(tenant) ?? NONE, TENANT_PART);
  }

  private async wait({ tenant, request }: Call, lostId: number): Promise<boolean> {
    const own = this.ofTenant.get(tenant) ?? { ...NONE };
    this.ofTenant.set(tenant, own);
    const count = (by: number): void => {
      for (const usage of [this.all, own]) {
        usage.count += by;
        usage.bytes += by * bytesOf(request);
      }
    };
    count(1);
    const isMended = await this.mend(lostId);
    count(-1);
    if (own.count === 0) this.ofTenant.delete(tenant);
    return isMended;
  }

  private async again(call: Call, lostId: number): Promise<void> {
    const { plane, target, request, onOutcome, outcome, first } = call;
    const waiting: Waiting = { isCancelled: false };
    this.calls.set(first, waiting);
    const isMended = await this.wait(call, lostId);
    if (waiting.isCancelled || !isMended) {
      this.calls.delete(first);
      onOutcome(waiting.isCancelled ? cancelledOutcome(outcome) : outcome);
      return;
    }
    try {
      waiting.second = plane.submit(target.id, request, (last) => {
        this.calls.delete(first);
        onOutcome(last);
      });
    } catch {
      this.calls.delete(first);
      onOutcome(outcome); // it is refused by now
    }
  }
}

function bytesOf({ input }: InvocationRequest): number {
  return input?.length ?? 0;
}

function cancelledOutcome({ times }: Outcome): Outcome {
  const error = new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED');
  return { status: 'cancelled', exitCode: 0, output: Buffer.alloc(0), times, error };
}

function isLost({ status, error }: Outcome): boolean {
  return status === 'failed' && error?.code === 'SLEDGE_ERR_INVOKE_MODULE';
}
