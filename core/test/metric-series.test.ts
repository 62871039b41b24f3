import type { LoadedFunction } from '../src/functions/live-function';
import { METRIC_SUMS } from '../src/metrics/layout';
import { functionMetricsOf } from '../src/metrics/layout';
import { FunctionSeries, OTHERS } from '../src/metrics/series';

/** A plane that has counted so many accepted requests of each function. */
function planeOf(accepted: readonly number[]) {
  const numbersOf = (id: number): Float64Array => {
    const numbers = new Float64Array(METRIC_SUMS);
    numbers[0] = accepted[id] ?? 0;
    numbers[METRIC_SUMS - 2] = 1;
    return numbers;
  };
  return {
    functionMetrics: (id: number) =>
      accepted[id] === 0 ? undefined : functionMetricsOf(numbersOf(id)),
    functionStats: () => ({ inFlight: 1, queued: 0 }),
    countedFunctions: () =>
      Uint32Array.from(accepted.flatMap((count, id) => (count === 0 ? [] : [id]))),
    sumFunctionMetrics: (ids: Uint32Array, sums: Float64Array) => {
      for (const id of ids) numbersOf(id).forEach((value, at) => (sums[at]! += value));
    },
  };
}

function functionsOf(count: number): LoadedFunction[] {
  return Array.from({ length: count }, (_, id) => {
    const target = { ids: new Set([id]), past: undefined };
    return { id, tenant: id % 2 === 0 ? 'even' : 'odd', name: `f${id}`, target };
  }) as unknown as LoadedFunction[];
}

test('the first functions called keep metrics of their own, and nothing is lost', async () => {
  const functions = functionsOf(3000);
  const series = new FunctionSeries(4);
  const accepted = functions.map(() => 0);
  accepted[10] = 5;
  expect(series.sources(planeOf(accepted), functions).map((one) => one.function)).toEqual(['f10']);
  accepted.fill(1);
  accepted[10] = 6;
  await series.refresh(planeOf(accepted), functions);
  const sources = series.sources(planeOf(accepted), functions);
  expect(sources.map((one) => `${one.tenant}/${one.function}`)).toEqual([
    ...['even/f0', 'odd/f1', 'even/f2', 'even/f10'],
    ...[`odd/${OTHERS}`, `even/${OTHERS}`],
  ]);
  const total = sources.reduce((sum, { metrics }) => sum + metrics.accepted, 0);
  expect(total).toBe(3005);
  expect(sources.at(-1)?.inFlight).toBe(1497);
});

test('the event loop has its turns while thousands of functions are summed', async () => {
  const functions = functionsOf(3000);
  const series = new FunctionSeries(0);
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  const tick = (): void => void setImmediate(() => ((turns += 1), turns < 1000 && tick()));
  tick();
  await series.refresh(planeOf(functions.map(() => 1)), functions);
  clearInterval(count);
  expect(turns).toBeGreaterThan(5);
  turns = 1000;
});
