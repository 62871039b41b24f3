import type { DataPlane } from '../contracts/data-plane';
import type { FunctionTarget } from '../functions/live-function';
import type { Arm, ArmCounts, TrafficSplit } from '../functions/traffic-split';

const LOOK_MS = 50;
const ERRORS = ['exited', 'trapped', 'timed-out', 'output-limit', 'failed'] as const;

/**
 * Tells a split what the data plane has counted of its versions since now, until another one or
 * none is in its place: for functions that answer RPCs too, whose outcomes JavaScript never sees.
 * @param signal aborted when nothing is to be given up any more.
 * @param onFailed it is watched no longer.
 */
export function watchSplit(
  plane: DataPlane,
  { target, split }: { target: FunctionTarget; split: TrafficSplit },
  signal: AbortSignal,
  onFailed: (error: unknown) => void,
): void {
  const arms = [split.stable, split.trial].map((arm) => ({ arm, before: countsOf(plane, arm) }));
  const look = (): void => {
    for (const { arm, before } of arms) {
      if (signal.aborted || target.split !== split) return clearInterval(timer);
      const now = countsOf(plane, arm);
      split.countAll(arm, {
        requests: now.requests - before.requests,
        errors: now.errors - before.errors,
        misses: now.misses - before.misses,
      });
    }
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      clearInterval(timer);
      onFailed(error);
    }
  }, LOOK_MS);
  timer.unref();
}

/** Who leaves says nothing about the version. */
function countsOf(plane: DataPlane, { id }: Arm): ArmCounts {
  const counted = plane.functionMetrics?.(id);
  if (counted === undefined) return { requests: 0, errors: 0, misses: 0 };
  const { ended, deadlinesMissed: misses } = counted;
  const all = Object.values(ended).reduce((sum, count) => sum + count, 0);
  const errors = ERRORS.reduce((sum, status) => sum + ended[status], 0);
  return { requests: all - ended.cancelled, errors, misses };
}
