import type { DataPlane } from '../contracts/data-plane';
import type { InvocationRequest, Outcome, OutcomeCallback } from '../contracts/invocation';
import type { FunctionTarget } from './live-function';

/** Requests that may wait for compilers; more are answered as they ended. */
const WAITING_MAX = 1000;
/** And bytes of their bodies. */
const WAITING_BYTES_MAX = 64 << 20;
/** What was built a moment ago is not built again, whatever is wrong with it. */
const PAUSE_MS = 1000;

/**
 * Builds again what has vanished from the cache since it was built: once at a time for each
 * function. A request that finds its module gone before any call of it has succeeded waits for
 * that; later ones fail, and are the reason to build. Main thread.
 */
export class ModuleRepair {
  private readonly running = new Map<number, Promise<boolean>>();
  private waiting = 0;
  private waitingBytes = 0;

  /** @param rebuild of the function that the data plane knows by that number. */
  constructor(
    private readonly rebuild: (id: number) => Promise<void>,
    private readonly onFailed: (id: number, error: unknown) => void,
  ) {}

  /** Requests that wait: the data plane has ended them, and their clients have no answer. */
  get waitingCount(): number {
    return this.waiting;
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
    target: FunctionTarget,
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
  ): number {
    const { id } = target;
    // who submits may use its memory again
    const { input } = request;
    const kept = input === undefined ? request : { ...request, input: Buffer.from(input) };
    return plane.submit(id, request, (outcome) => {
      if (isLost(outcome) && this.hasRoom(kept)) {
        void this.again(plane, { target, lostId: id }, kept, onOutcome, () => onOutcome(outcome));
        return;
      }
      if (target.id === id) target.isProven ||= outcome.times.runNs > 0;
      onOutcome(outcome);
    });
  }

  private hasRoom({ input }: InvocationRequest): boolean {
    const bytes = this.waitingBytes + (input?.length ?? 0);
    return this.waiting < WAITING_MAX && bytes <= WAITING_BYTES_MAX;
  }

  private async again(
    plane: DataPlane,
    { target, lostId }: { target: FunctionTarget; lostId: number },
    request: InvocationRequest,
    onOutcome: OutcomeCallback,
    giveUp: () => void,
  ): Promise<void> {
    const bytes = request.input?.length ?? 0;
    this.waiting += 1;
    this.waitingBytes += bytes;
    const isMended = await this.mend(lostId);
    this.waiting -= 1;
    this.waitingBytes -= bytes;
    try {
      if (isMended) plane.submit(target.id, request, onOutcome);
      else giveUp();
    } catch {
      giveUp(); // it is refused by now
    }
  }
}

function isLost({ status, error }: Outcome): boolean {
  return status === 'failed' && error?.code === 'SLEDGE_ERR_INVOKE_MODULE';
}
