import { RECORD_FIELDS, RecordedEvent } from '../trace/record';
import type { Lanes, LaneSlice } from './live-report';

/** Slices of one moment, over all workers. */
export const SLICES_MAX = 400;
const NS_PER_US = 1000;

interface OpenSlice {
  request: number;
  type: number;
  fromNs: number;
}

/**
 * Who ran on which worker in a piece of the decision record. What began before it begins with it,
 * and what has not ended ends with it. Times are since its first event.
 */
export class LaneFold {
  private readonly event = new RecordedEvent();
  private readonly open = new Map<number, OpenSlice>();
  private readonly slices: LaneSlice[] = [];
  private readonly counts = { arrivals: 0, preemptions: 0, misses: 0 };
  private fromNs = Infinity;
  private toNs = 0;
  private isCut = false;

  /** @param nameOf the function of a type */
  constructor(private readonly nameOf: (type: number) => string) {}

  /** The next events; those of one worker group are in order. */
  add(record: Float64Array, count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.fromNs = Math.min(this.fromNs, record[index * RECORD_FIELDS] as number);
    }
    for (let index = 0; index < count; index += 1) this.addOne(this.event.read(record, index));
  }

  /** @param isCut events were lost at the end */
  end(at: number, isCut: boolean): Lanes {
    for (const [worker, { request }] of this.open) {
      this.close(worker, request, this.toNs, 'unfinished', false);
    }
    return {
      at,
      windowUs: Math.max(0, this.toNs - Math.min(this.fromNs, this.toNs)) / NS_PER_US,
      isCut: isCut || this.isCut,
      ...this.counts,
      slices: this.slices,
    };
  }

  private addOne(event: RecordedEvent): void {
    const { what, worker, request, type, atNs } = event;
    this.toNs = Math.max(this.toNs, atNs);
    if (what === 'arrive' || what === 'held') this.counts.arrivals += 1;
    if (what === 'start' || what === 'resume') {
      this.open.set(worker, { request, type, fromNs: atNs });
    }
    const isEnd = what === 'finish' || what === 'drop';
    const isLate = isEnd && event.b >= 0;
    if (isLate) this.counts.misses += 1;
    if (what === 'preempt') this.counts.preemptions += 1;
    if (worker < 0 || !(isEnd || what === 'preempt' || what === 'block')) return;
    if (!this.open.has(worker)) this.open.set(worker, { request, type, fromNs: this.fromNs });
    const how = isEnd ? 'finished' : what === 'preempt' ? 'preempted' : 'blocked';
    this.close(worker, request, atNs, how, isLate);
  }

  private close(
    worker: number,
    request: number,
    toNs: number,
    end: LaneSlice['end'],
    isLate: boolean,
  ): void {
    const slice = this.open.get(worker);
    if (slice?.request !== request) return;
    this.open.delete(worker);
    if (this.slices.length >= SLICES_MAX) {
      this.isCut = true;
      return;
    }
    this.slices.push({
      worker,
      fromUs: (slice.fromNs - this.fromNs) / NS_PER_US,
      toUs: (toNs - this.fromNs) / NS_PER_US,
      function: this.nameOf(slice.type),
      request,
      end,
      isLate,
    });
  }
}
