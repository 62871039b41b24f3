import { HISTOGRAM, SLOWDOWN_UNIT } from './layout';
import type { HistogramCells } from './layout';

const NS_PER_S = 1e9;

/** Counts by value, in the unit of its metric. */
export interface Histogram {
  readonly sum: number;
  readonly count: number;
  /** Upper bounds, one to each power of two, and how many values are not above them. */
  readonly buckets: [bound: number, atMost: number][];
  /** At most a quarter too high; null without values, and beyond the last bound. */
  readonly quantiles: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999', number | null>>;
}

export function secondsOf(cells: HistogramCells): Histogram {
  return histogramOf(cells, NS_PER_S);
}

export function slowdownOf(cells: HistogramCells): Histogram {
  return histogramOf(cells, SLOWDOWN_UNIT);
}

function histogramOf({ sum, cells }: HistogramCells, unit: number): Histogram {
  const { octaves, octaveCells, firstBits } = HISTOGRAM;
  const buckets: Histogram['buckets'] = [];
  let count = 0;
  for (let cell = 0; cell < cells.length; cell += 1) {
    count += cells[cell] as number;
    const isLastOfOctave = cell % octaveCells === 0 && cell <= octaves * octaveCells;
    if (isLastOfOctave) buckets.push([2 ** (firstBits + cell / octaveCells) / unit, count]);
  }
  const at = (quantile: number): number | null => {
    const bound = count === 0 ? Infinity : boundOf(cellAt(cells, quantile * count));
    return bound === Infinity ? null : bound / unit;
  };
  const quantiles = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
  return { sum: sum / unit, count, buckets, quantiles };
}

/** The cell in which so many values lie at or below. */
function cellAt(cells: Float64Array, wanted: number): number {
  let seen = 0;
  for (let cell = 0; cell < cells.length; cell += 1) {
    seen += cells[cell] as number;
    if (seen >= wanted && seen > 0) return cell;
  }
  return cells.length - 1;
}

/** The largest value of a cell; Infinity for the last one. */
export function boundOf(cell: number): number {
  const { firstBits, octaves, octaveCells } = HISTOGRAM;
  if (cell > octaves * octaveCells) return Infinity;
  const octave = Math.floor(Math.max(0, cell - 1) / octaveCells);
  const quarters = cell === 0 ? 0 : ((cell - 1) % octaveCells) + 1;
  return 2 ** (firstBits + octave) * (1 + quarters / octaveCells);
}
