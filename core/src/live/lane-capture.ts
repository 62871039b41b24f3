import { setTimeout as delay } from 'node:timers/promises';
import type { DataPlane } from '../contracts/data-plane';
import { RECORD_FIELDS } from '../trace/record';
import { LaneFold } from './lanes';
import type { Lanes } from './live-report';

/** Of each worker group, kept while a moment is captured. */
export const LANE_EVENTS = 2048;
const EVENTS_MAX = 8192;
const MOMENT_MS = 100;

type Listener = (events: Float64Array, count: number) => void;

/** A recording that takes the events already, and lets others see them. */
export interface EventTap {
  listener: Listener | undefined;
}

/** What the capture needs of a server. */
export interface LaneSource {
  readonly plane: Pick<DataPlane, 'keepEvents' | 'takeEvents' | 'stats'>;
  /** It takes the events of this data plane. */
  readonly tap: EventTap | undefined;
  nameOf(type: number): string;
}

/**
 * What the workers run in one moment of 100 ms. Only then events are kept, unless they are for a
 * trace too; of more than fits the beginning is shown. Main thread.
 */
export async function captureLanes(source: LaneSource): Promise<Lanes> {
  const { plane, tap } = source;
  const fold = new LaneFold((type) => source.nameOf(type));
  const lostBefore = plane.stats()['traceEventsLost'] ?? 0;
  const isOver = tap === undefined ? await fromPlane(plane, fold) : await fromTap(tap, fold);
  const lost = (plane.stats()['traceEventsLost'] ?? 0) - lostBefore;
  return fold.end(Date.now(), isOver || lost > 0);
}

async function fromPlane(plane: LaneSource['plane'], fold: LaneFold): Promise<boolean> {
  const events = new Float64Array(EVENTS_MAX * RECORD_FIELDS);
  while ((plane.takeEvents?.(events) ?? 0) > 0); // of a moment before
  plane.keepEvents?.(true);
  try {
    await delay(MOMENT_MS, undefined, { ref: false });
  } finally {
    plane.keepEvents?.(false);
  }
  const count = plane.takeEvents?.(events) ?? 0;
  fold.add(events, count);
  return count === EVENTS_MAX;
}

async function fromTap(tap: EventTap, fold: LaneFold): Promise<boolean> {
  let left = EVENTS_MAX;
  let isOver = false;
  tap.listener = (events, count) => {
    const taken = Math.min(left, count);
    left -= taken;
    isOver ||= taken < count;
    fold.add(events, taken);
  };
  await delay(MOMENT_MS, undefined, { ref: false });
  tap.listener = undefined;
  return isOver;
}
