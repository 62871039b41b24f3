/** Numbers per event of a decision record, as RecordedEvent::fields in native/src/core. */
export const RECORD_FIELDS = 12;

/** By number; what a to e are is said in native/src/core/happening.hpp. */
export const HAPPENINGS = [
  'arrive',
  'refuse',
  'start',
  'resume',
  'preempt',
  'finish',
  'drop',
  'ask',
  'stay',
  'held',
  'block',
  'unblock',
] as const;
export type Happening = (typeof HAPPENINGS)[number];

export const LEAVE_REASONS = ['rank', 'quantum', 'overdue share'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

export const REFUSALS = ['queue full', 'not admitted', 'too many requests'] as const;

/** One event, read from its numbers; valid until the next one is read. */
export class RecordedEvent {
  atNs = 0;
  what: Happening = 'arrive';
  request = 0;
  /** -1: none. */
  worker = -1;
  type = 0;
  reason = 0;
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  e = 0;
  /** Requests that wait for a worker, after the event. */
  waiting = 0;

  /** The event at this place of a record. */
  read(record: Float64Array, index: number): this {
    const at = index * RECORD_FIELDS;
    const field = (offset: number): number => record[at + offset] as number;
    this.atNs = field(0);
    this.what = HAPPENINGS[field(1)] ?? 'arrive';
    this.request = field(2);
    this.worker = field(3);
    this.type = field(4);
    this.reason = field(5);
    this.a = field(6);
    this.b = field(7);
    this.c = field(8);
    this.d = field(9);
    this.e = field(10);
    this.waiting = field(11);
    return this;
  }
}
