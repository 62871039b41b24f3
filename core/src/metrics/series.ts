import { setImmediate as breathe } from 'node:timers/promises';
import type { DataPlane } from '../contracts/data-plane';
import type { LoadedFunction } from '../functions/live-function';
import { addMetrics } from './add-metrics';
import { functionMetricsOf, METRIC_SUMS } from './layout';
import type { FunctionSource } from './table';

/** No function can have this name. */
export const OTHERS = '_other';
/** Summed between two turns of the event loop: some 0.2 ms. */
const FUNCTIONS_PER_TURN = 256;

type MetricPlane = Pick<
  DataPlane,
  'functionMetrics' | 'functionStats' | 'sumFunctionMetrics' | 'countedFunctions'
>;

/**
 * Which functions have metrics of their own: the first ones that are called, and they keep them, so
 * that no counter goes back. Those that are called later count together, by tenant. Main thread.
 */
export class FunctionSeries {
  private readonly own = new Set<string>();
  /** What `own` says of a handle, for there may be thousands at each look. */
  private readonly isOwn = new WeakMap<LoadedFunction, boolean>();
  private others: readonly FunctionSource[] = [];

  /** @param limit of functions with metrics of their own. */
  constructor(private readonly limit: number) {}

  /** At once; those that count together as they were when `refresh` last looked. */
  sources(plane: MetricPlane, functions: readonly LoadedFunction[]): FunctionSource[] {
    const own = this.called(plane, functions).filter((fn) => this.hasOwn(fn));
    return [...own.flatMap((fn) => sourceOf(plane, fn)), ...this.others];
  }

  /** Sums those that count together, without holding up the event loop. */
  async refresh(plane: MetricPlane, functions: readonly LoadedFunction[]): Promise<void> {
    const byTenant = new Map<string, LoadedFunction[]>();
    for (const fn of this.called(plane, functions)) {
      if (this.hasOwn(fn)) continue;
      const list = byTenant.get(fn.tenant);
      if (list === undefined) byTenant.set(fn.tenant, [fn]);
      else list.push(fn);
    }
    const others: FunctionSource[] = [];
    for (const [tenant, list] of byTenant) others.push(await sumOf(plane, tenant, list));
    this.others = others;
  }

  private called(plane: MetricPlane, functions: readonly LoadedFunction[]): LoadedFunction[] {
    const called = new Set(plane.countedFunctions?.());
    return functions.filter(
      ({ target }) => target.past !== undefined || [...target.ids].some((id) => called.has(id)),
    );
  }

  private hasOwn(fn: LoadedFunction): boolean {
    const known = this.isOwn.get(fn);
    if (known !== undefined) return known;
    const key = `${fn.tenant}\0${fn.name}`;
    if (this.own.size < this.limit) this.own.add(key);
    const isOwn = this.own.has(key);
    this.isOwn.set(fn, isOwn);
    return isOwn;
  }
}

/** With what versions that are gone had counted. */
async function sumOf(
  plane: MetricPlane,
  tenant: string,
  functions: readonly LoadedFunction[],
): Promise<FunctionSource> {
  const ids = functions.flatMap(({ target }) => [...target.ids]);
  const sums = new Float64Array(METRIC_SUMS);
  for (let from = 0; from < ids.length; from += FUNCTIONS_PER_TURN) {
    plane.sumFunctionMetrics?.(Uint32Array.from(ids.slice(from, from + FUNCTIONS_PER_TURN)), sums);
    await breathe();
  }
  const [inFlight = 0, queued = 0] = sums.subarray(METRIC_SUMS - 2);
  const past = functions.flatMap(({ target }) => target.past ?? []);
  const metrics = past.reduce(addMetrics, functionMetricsOf(sums));
  return { tenant, function: OTHERS, metrics, inFlight, queued };
}

/** Of all its versions, so that its counters never go back. */
function sourceOf(plane: MetricPlane, { target, tenant, name }: LoadedFunction): FunctionSource[] {
  let metrics = target.past;
  const now = { inFlight: 0, queued: 0 };
  for (const id of target.ids) {
    const counted = plane.functionMetrics?.(id);
    if (counted === undefined) continue;
    metrics = addMetrics(metrics, counted);
    const { inFlight = 0, queued = 0 } = plane.functionStats(id);
    now.inFlight += inFlight;
    now.queued += queued;
  }
  return metrics === undefined ? [] : [{ tenant, function: name, metrics, ...now }];
}
