import { STATUSES } from '../data-plane/outcome-record';
import { LEAVE_REASONS, RECORD_FIELDS, RecordedEvent, REFUSALS } from './record';

/** Says in a file what it is; `sledge explain` refuses another one. */
export const TRACE_FORMAT = 'sledge-trace';
export const TRACE_VERSION = 1;

const PROCESS = 1;
/** Lane of arrivals; worker n has lane n + 1. */
const ARRIVALS_LANE = 0;

export interface TraceInfo {
  /** What made it: `simulate`, `start`. */
  readonly source: string;
  readonly workers: number;
  /** Name of a request type, for slices. */
  readonly typeName: (type: number) => string;
  /** Anything that helps to read it: workload, policies, seed. */
  readonly about: Readonly<Record<string, string | number>>;
}

/** What a worker does now. */
interface OpenSlice {
  request: number;
  type: number;
  fromNs: number;
  begin: 'start' | 'resume';
}

type Args = Readonly<Record<string, string | number | undefined>>;

/**
 * A decision record as text in the trace-event format of Chrome and Perfetto, piece by piece: one
 * event in each line, times in microseconds with three digits. Memory does not grow with the run.
 */
export class TraceText {
  private readonly event = new RecordedEvent();
  private readonly open = new Map<number, OpenSlice>();
  private lines: string[] = [];
  private depth = -1;
  private depthNs = 0;
  private lastNs = 0;
  /** Events written, lanes' names not counted. */
  written = 0;

  constructor(private readonly info: TraceInfo) {}

  /** The beginning of the file: what it is, and the names of its lanes. */
  head(): string {
    const { source, workers, about } = this.info;
    const what = { format: TRACE_FORMAT, version: TRACE_VERSION, source, workers, ...about };
    const start = `{"displayTimeUnit":"ns","otherData":${JSON.stringify(what)},"traceEvents":[\n`;
    const name = (lane: number, text: string): string =>
      `{"ph":"M","pid":${PROCESS},"tid":${lane},"name":"thread_name","args":{"name":"${text}"}}`;
    const order = (lane: number): string =>
      `{"ph":"M","pid":${PROCESS},"tid":${lane},"name":"thread_sort_index",` +
      `"args":{"sort_index":${lane}}}`;
    const lanes = [
      `{"ph":"M","pid":${PROCESS},"tid":0,"name":"process_name","args":{"name":"sledge"}}`,
      name(ARRIVALS_LANE, 'arrivals'),
      order(ARRIVALS_LANE),
    ];
    for (let worker = 0; worker < workers; worker += 1) {
      lanes.push(name(worker + 1, `worker ${worker}`), order(worker + 1));
    }
    return start + lanes.join(',\n');
  }

  /** The next events of the record, oldest first. */
  add(record: Float64Array, count = record.length / RECORD_FIELDS): string {
    for (let index = 0; index < count; index += 1) this.addOne(this.event.read(record, index));
    return this.take();
  }

  /** The end of the file. @param lost events that the record has not kept */
  end(lost: number): string {
    for (const worker of this.open.keys()) this.close(worker, this.lastNs, { end: 'unfinished' });
    return `${this.take()}\n],"lostEvents":${lost}}\n`;
  }

  private addOne(event: RecordedEvent): void {
    this.lastNs = Math.max(this.lastNs, event.atNs);
    switch (event.what) {
      case 'arrive':
      case 'held':
        this.arrival(event);
        break;
      case 'refuse':
        this.instant('refused', event, { reason: REFUSALS[event.reason] }, ARRIVALS_LANE);
        break;
      case 'start':
      case 'resume':
        this.begin(event, event.what);
        break;
      case 'preempt':
        this.leave(event, 'preempted', {
          reason: LEAVE_REASONS[event.reason],
          by: event.a,
        });
        this.instant('preempted', event, { by: event.a, reason: LEAVE_REASONS[event.reason] });
        break;
      case 'block':
        this.leave(event, 'blocked', {});
        break;
      case 'finish':
      case 'drop':
        this.ending(event);
        break;
      case 'ask':
        this.instant('asked to leave', event, {});
        break;
      case 'stay':
        this.instant('stays', event, {});
        break;
      case 'unblock':
        this.instant('may go on', event, {});
        break;
    }
    this.count(event);
  }

  private arrival(event: RecordedEvent): void {
    const isHeld = event.what === 'held';
    this.instant(
      'arrival',
      event,
      {
        type: this.info.typeName(event.type),
        worker: isHeld ? undefined : event.worker,
        before: event.b,
        estimateUs: us(event.c),
        serviceUs: event.d > 0 ? us(event.d) : undefined,
        deadlineUs: event.a < 0 ? undefined : us(event.a),
        delayUs: event.e > 0 ? us(event.e) : undefined,
      },
      ARRIVALS_LANE,
    );
  }

  private begin(event: RecordedEvent, begin: OpenSlice['begin']): void {
    const { worker, request, type, atNs } = event;
    this.close(worker, atNs, { end: 'unknown' }); // only where the record has a gap
    this.open.set(worker, { request, type, fromNs: atNs, begin });
  }

  private ending(event: RecordedEvent): void {
    const isLate = event.b >= 0;
    const how = {
      status: STATUSES[event.reason],
      sojournUs: us(event.a),
      lateUs: isLate ? us(event.b) : undefined,
    };
    const runs = this.open.get(event.worker)?.request === event.request;
    const lane = runs ? event.worker + 1 : ARRIVALS_LANE;
    if (runs) this.close(event.worker, event.atNs, { end: 'finished', ...how });
    else this.instant('ended', event, how, lane);
    if (isLate) this.instant('deadline missed', event, { lateUs: us(event.b) }, lane);
  }

  private leave(event: RecordedEvent, end: string, more: Args): void {
    if (this.open.get(event.worker)?.request !== event.request) return;
    this.close(event.worker, event.atNs, { end, ...more });
  }

  private close(worker: number, toNs: number, how: Args): void {
    const slice = this.open.get(worker);
    if (slice === undefined) return;
    this.open.delete(worker);
    const { request, fromNs, begin } = slice;
    const name = JSON.stringify(this.info.typeName(slice.type));
    this.line(
      `"ph":"X","pid":${PROCESS},"tid":${worker + 1},"ts":${us(fromNs)},` +
        `"dur":${us(toNs - fromNs)},"name":${name},"cat":"run"`,
      { request, begin, ...how },
    );
  }

  private instant(name: string, event: RecordedEvent, more: Args, lane = event.worker + 1): void {
    this.line(
      `"ph":"i","s":"t","pid":${PROCESS},"tid":${lane},"ts":${us(event.atNs)},"name":"${name}"`,
      { request: event.request, ...more },
    );
  }

  /** The queue depth, when it is another one. */
  private count({ waiting, atNs }: RecordedEvent): void {
    // records of several worker groups are not in one order
    if (waiting === this.depth && atNs >= this.depthNs) return;
    this.depth = waiting;
    this.depthNs = atNs;
    const where = `"ph":"C","pid":${PROCESS},"ts":${us(atNs)},"name":"queue depth"`;
    this.line(where, { waiting });
  }

  private line(fields: string, args: Args): void {
    this.written += 1;
    this.lines.push(`{${fields},"args":${argsText(args)}}`);
  }

  private take(): string {
    if (this.lines.length === 0) return '';
    const text = `,\n${this.lines.join(',\n')}`;
    this.lines = [];
    return text;
  }
}

/** As JSON; what `us` has made is a number already, and `undefined` is left out. */
function argsText(args: Args): string {
  const parts: string[] = [];
  for (const name in args) {
    const value = args[name];
    if (value === undefined) continue;
    const isNumber = typeof value === 'number' || name.endsWith('Us');
    parts.push(`"${name}":${isNumber ? value : JSON.stringify(value)}`);
  }
  return `{${parts.join(',')}}`;
}

/** Whole nanoseconds as microseconds, exactly: digits of its own, not those of a division. */
function us(ns: number): string {
  const whole = Math.floor(ns / 1000);
  const rest = Math.round(ns - whole * 1000);
  return `${whole}.${String(rest).padStart(3, '0')}`;
}
