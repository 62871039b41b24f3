import { SledgeError } from '@sledge/core';
import { TraceReader } from './trace-reader';
import type { TraceHead, TraceLine } from './trace-reader';

/** A stretch on a worker; times in microseconds. */
export interface Slice {
  readonly request: number;
  readonly type: string;
  readonly worker: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly how: TraceLine['args'];
}

/** What another request is, as far as the trace tells. */
export interface Other {
  readonly type: string;
  /** undefined: none. */
  readonly deadlineAtUs: number | undefined;
}

/** A time in which the request could have run and did not. */
export interface Wait {
  readonly fromUs: number;
  readonly toUs: number;
  /** Where it waited; undefined: for any worker. */
  readonly worker: number | undefined;
  /** What ran there meanwhile, longest first. */
  ran: { request: number; type: string; us: number }[];
  /** Of one worker: time in which it ran nothing. */
  idleUs: number;
}

/** Everything that a trace tells of one request. */
export interface Story {
  readonly request: number;
  readonly head: TraceHead;
  readonly arrival: TraceLine | undefined;
  readonly arrivedUs: number;
  readonly deadlineAtUs: number | undefined;
  readonly refused: TraceLine | undefined;
  readonly slices: readonly Slice[];
  /** Its end without a slice: it was dropped, or ended while it waited. */
  readonly ended: TraceLine | undefined;
  readonly waits: readonly Wait[];
  /** What each worker ran when it arrived. */
  readonly runningAtArrival: ReadonlyMap<number, Slice>;
  /** Workers asked to leave what they ran because it arrived, with what they ran. */
  readonly asked: ReadonlyMap<number, number>;
  readonly others: ReadonlyMap<number, Other>;
  readonly lostEvents: number;
  readonly isWhole: boolean;
}

/** Two moments are the same within the rounding of microseconds. */
const SAME_US = 0.0015;

/**
 * Reads from a trace what became of one request, and what stood in its way.
 * @throws SledgeError SLEDGE_ERR_TRACE_READ, SLEDGE_ERR_TRACE_REQUEST
 */
export async function readStory(path: string, request: number): Promise<Story> {
  const reader = new TraceReader(path);
  const head = await reader.head();
  const own = await ownLines(reader, request);
  const arrival = own.find(({ name }) => name === 'arrival');
  const slices = own.filter(({ ph }) => ph === 'X').map(sliceOf);
  slices.sort((a, b) => a.fromUs - b.fromUs);
  const ended = own.find(({ name }) => name === 'ended');
  const firstUs = (arrival ?? own[0])?.ts ?? 0;
  const arrivedUs = firstUs - (arrival?.args.delayUs ?? 0);
  const deadlineUs = arrival?.args.deadlineUs;
  const waits = waitsOf(head.workers, arrival, arrivedUs, slices, ended, own);
  const around = await surroundings(reader, request, firstUs, waits);
  const named = new Set([...slices.flatMap(({ how }) => how.by ?? []), ...around.named]);
  return {
    request,
    head,
    arrival,
    arrivedUs,
    deadlineAtUs: deadlineUs === undefined ? undefined : arrivedUs + deadlineUs,
    refused: own.find(({ name }) => name === 'refused'),
    slices,
    ended,
    waits,
    runningAtArrival: around.running,
    asked: around.asked,
    others: await othersOf(reader, named),
    lostEvents: reader.lostEvents,
    isWhole: reader.isWhole,
  };
}

async function ownLines(reader: TraceReader, request: number): Promise<TraceLine[]> {
  const own: TraceLine[] = [];
  const known = { least: Infinity, most: 0 };
  const mark = new RegExp(`"request":${request}[,}]`);
  const number = /"request":(\d+)/;
  const wants = (text: string): boolean => {
    const named = Number(number.exec(text)?.[1]);
    known.least = Math.min(known.least, named);
    known.most = Math.max(known.most, named);
    return mark.test(text);
  };
  for await (const line of reader.lines(wants)) own.push(line);
  if (own.length > 0) return own;
  const lost = reader.lostEvents > 0 ? `; ${reader.lostEvents} events were not kept` : '';
  const has = known.most === 0 ? 'none' : `${known.least} to ${known.most}`;
  const reason = `it has requests ${has}${lost}`;
  throw new SledgeError('SLEDGE_ERR_TRACE_REQUEST', { request, path: reader.path, reason });
}

function sliceOf(line: TraceLine): Slice {
  const { args, name, tid, ts, dur = 0 } = line;
  const [fromUs, toUs] = [ts, ts + dur];
  return { request: args.request, type: name, worker: tid - 1, fromUs, toUs, how: args };
}

function waitsOf(
  workers: number,
  arrival: TraceLine | undefined,
  arrivedUs: number,
  slices: readonly Slice[],
  ended: TraceLine | undefined,
  own: readonly TraceLine[],
): Wait[] {
  const waits: Wait[] = [];
  const any = workers === 1 ? 0 : undefined;
  const add = (fromUs: number, toUs: number | undefined, worker = any): void => {
    if (toUs !== undefined) waits.push({ fromUs, toUs, worker, ran: [], idleUs: 0 });
  };
  const [first] = slices;
  const placed = arrival?.args.worker;
  const isThere = first === undefined || first.worker === placed;
  if (arrival !== undefined) {
    add(arrivedUs, first?.fromUs ?? ended?.ts, isThere ? placed : undefined);
  }
  slices.forEach((slice, at) => {
    const next = slices[at + 1];
    const goesOn = own.find(({ name, ts }) => name === 'may go on' && ts >= slice.toUs - SAME_US);
    const fromUs = slice.how.end === 'blocked' ? goesOn?.ts : slice.toUs;
    if (fromUs === undefined || slice.how.end === 'finished') return;
    const stays = next === undefined || next.worker === slice.worker;
    add(fromUs, next?.fromUs ?? ended?.ts, stays ? slice.worker : undefined);
  });
  return waits;
}

interface Surroundings {
  running: Map<number, Slice>;
  asked: Map<number, number>;
  named: Set<number>;
}

/** Fills in what ran in each wait, and sees how the workers were at arrival. */
async function surroundings(
  reader: TraceReader,
  request: number,
  atUs: number,
  waits: readonly Wait[],
): Promise<Surroundings> {
  const around: Surroundings = { running: new Map(), asked: new Map(), named: new Set() };
  const sums = waits.map(() => new Map<number, { request: number; type: string; us: number }>());
  const wants = (text: string): boolean =>
    text.includes('"ph":"X"') || text.includes('"asked to leave"');
  for await (const line of reader.lines(wants)) {
    if (line.args.request === request) continue;
    if (line.ph === 'i') {
      if (Math.abs(line.ts - atUs) < SAME_US) around.asked.set(line.tid - 1, line.args.request);
      continue;
    }
    const slice = sliceOf(line);
    if (slice.fromUs < atUs && slice.toUs >= atUs) around.running.set(slice.worker, slice);
    waits.forEach((wait, at) => {
      const us = Math.min(slice.toUs, wait.toUs) - Math.max(slice.fromUs, wait.fromUs);
      if (us <= 0 || (wait.worker !== undefined && wait.worker !== slice.worker)) return;
      const sum = sums[at]?.get(slice.request) ?? { ...slice, us: 0 };
      sum.us += us;
      sums[at]?.set(slice.request, sum);
    });
  }
  waits.forEach((wait, at) => {
    wait.ran = [...(sums[at]?.values() ?? [])].sort((a, b) => b.us - a.us || a.request - b.request);
    const busyUs = wait.ran.reduce((sum, { us }) => sum + us, 0);
    if (wait.worker !== undefined) wait.idleUs = Math.max(0, wait.toUs - wait.fromUs - busyUs);
    for (const ran of wait.ran.slice(0, NAMED_MAX)) around.named.add(ran.request);
  });
  for (const { request: other } of around.running.values()) around.named.add(other);
  return around;
}

/** Others that a wait is explained with. */
export const NAMED_MAX = 3;

async function othersOf(
  reader: TraceReader,
  named: ReadonlySet<number>,
): Promise<Map<number, Other>> {
  const others = new Map<number, Other>();
  for await (const { args, ts } of reader.lines((text) => text.includes('"name":"arrival"'))) {
    if (!named.has(args.request)) continue;
    const { type = '', deadlineUs, delayUs = 0 } = args;
    const deadlineAtUs = deadlineUs === undefined ? undefined : ts - delayUs + deadlineUs;
    others.set(args.request, { type, deadlineAtUs });
  }
  return others;
}
