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
/** What a request may have that is kept for it, though its module was there before. */
const KEPT_BYTES_MAX = 65_536;
/** A request without a deadline waits so long at most. */
const WAIT_MS_MAX = 30_000;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;
const US_PER_MS = 1e3;
/** What was built a moment ago is not built again, whatever is wrong with it. */
const PAUSE_MS = 1000;

/** One call that has found its module gone. */
interface Call {
  readonly plane: DataPlane;
  readonly target: FunctionTarget;
  readonly tenant: string;
  /** Of the function. */
  readonly relativeDeadlineUs: number | undefined;
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
  /** It waits no longer. */
  readonly over: Promise<false>;
  end(): void;
  /** What the data plane calls it since it runs again. */
  second?: number;
}

/** Nothing has to be copied, and little is kept, to run it a second time. */
export function isEasyToRepeat({ input, inputStays = false }: InvocationRequest): boolean {
  return input === undefined || (inputStays && input.length <= KEPT_BYTES_MAX);
}

/**
 * Builds again what has vanished from the cache since it was built: once at a time for each
 * function. A request that finds its module gone waits for that, up to its deadline. Those that
 * cannot, and those that no JavaScript sees, fail, and are the reason to build. Main thread.
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

  /** As `DataPlane.submit`; what is not easy to repeat is copied. */
  submit(
    plane: DataPlane,
    fn: Pick<LoadedFunction, 'target' | 'tenant' | 'relativeDeadlineUs'>,
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
  ): number {
    const { target } = fn;
    const { id } = target;
    const { input, inputStays } = request;
    const isKept = input === undefined || inputStays === true;
    const kept = isKept ? request : { ...request, input: Buffer.from(input) };
    const first = plane.submit(id, request, (outcome) => {
      if (isLost(outcome)) {
        const { tenant, relativeDeadlineUs } = fn;
        const who = { plane, target, tenant, relativeDeadlineUs };
        const call = { ...who, request: kept, onOutcome, outcome, first };
        if (this.mayWait(call)) {
          void this.again(call, id);
          return;
        }
      } else if (!target.isProven && target.id === id) {
        target.isProven = outcome.times.runNs > 0;
      }
      onOutcome(outcome);
    });
    return first;
  }

  /** @returns what the data plane calls a request by now; undefined: it waits, and ends then. */
  cancelled(id: number): number | undefined {
    const waiting = this.calls.get(id);
    if (waiting === undefined) return id;
    waiting.isCancelled = true;
    waiting.end();
    return waiting.second;
  }

  private mayWait(call: Call): boolean {
    return leftMs(call) > 0 && this.hasRoom(call);
  }

  private hasRoom({ tenant, request }: Call): boolean {
    const fits = ({ count, bytes }: Usage, part: number): boolean =>
      count < WAITING_MAX * part && bytes + bytesOf(request) <= WAITING_BYTES_MAX * part;
    return fits(this.all, 1) && fits(this.ofTenant.get(tenant) ?? NONE, TENANT_PART);
  }

  private async wait(call: Call, lostId: number, waiting: Waiting): Promise<boolean> {
    const { tenant, request } = call;
    const own = this.ofTenant.get(tenant) ?? { ...NONE };
    this.ofTenant.set(tenant, own);
    const count = (by: number): void => {
      for (const usage of [this.all, own]) {
        usage.count += by;
        usage.bytes += by * bytesOf(request);
      }
    };
    count(1);
    const timer = setTimeout(() => waiting.end(), leftMs(call));
    const isMended = await Promise.race([this.mend(lostId), waiting.over]);
    clearTimeout(timer);
    count(-1);
    if (own.count === 0) this.ofTenant.delete(tenant);
    return isMended;
  }

  private async again(call: Call, lostId: number): Promise<void> {
    const { plane, target, onOutcome, outcome, first } = call;
    const waiting = newWaiting();
    this.calls.set(first, waiting);
    const fromMs = performance.now();
    const isMended = await this.wait(call, lostId, waiting);
    if (waiting.isCancelled || !isMended) {
      this.calls.delete(first);
      onOutcome(waiting.isCancelled ? cancelledOutcome(outcome) : outcome);
      return;
    }
    try {
      const request = withinDeadline(call, performance.now() - fromMs);
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

/** Until its deadline has passed: then its client waits for no answer but a refusal. */
function leftMs({ request, relativeDeadlineUs, outcome }: Call): number {
  const deadlineUs = request.relativeDeadlineUs ?? relativeDeadlineUs;
  if (deadlineUs === undefined) return WAIT_MS_MAX;
  return Math.min(WAIT_MS_MAX, deadlineUs / US_PER_MS - outcome.times.totalNs / NS_PER_MS);
}

function newWaiting(): Waiting {
  let end = (): void => undefined;
  const over = new Promise<false>((resolve) => (end = () => resolve(false)));
  return { isCancelled: false, over, end };
}

/** A deadline counts from the first run: without an arrival, what is left of it. */
function withinDeadline(call: Call, waitedMs: number): InvocationRequest {
  const { request, relativeDeadlineUs, outcome } = call;
  const deadlineUs = request.relativeDeadlineUs ?? relativeDeadlineUs;
  if (deadlineUs === undefined || request.arrivalNs !== undefined) return request;
  const usedUs = outcome.times.totalNs / NS_PER_US + waitedMs * US_PER_MS;
  return { ...request, relativeDeadlineUs: Math.max(1, Math.ceil(deadlineUs - usedUs)) };
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
