import type { Slice, Story, Wait } from './story';
import { NAMED_MAX } from './story';

/** Preemptions told one by one. */
const TOLD_MAX = 4;
const WORKERS_TOLD_MAX = 8;
/** A wait behind one request that takes this share of it, and is this much longer, is no queue. */
const BLOCKED_SHARE = 0.5;
const BLOCKED_TIMES = 4;

/** How the built-in dispatchers choose; others are not known. */
const DISPATCHER_RULES: Readonly<Record<string, string>> = {
  'dispatch-global-queue': 'it holds requests in one queue, and whichever worker is free takes one',
  'dispatch-rr': 'it takes the workers in turn',
  'dispatch-jsq': 'it takes the worker with the fewest requests',
  'dispatch-lld': 'it takes the worker with the least work left',
  'dispatch-edf-interrupt':
    'it takes an idle worker, else one where this deadline comes first and little is ' +
    'interrupted, else the one with the least wait',
  'dispatch-shinjuku': 'it holds requests in queues by type and interrupts what has had its turn',
  'dispatch-darc': 'it keeps workers reserved for groups of request types',
};

/** A story as sentences, in the order of what happened. */
export function sentencesOf(story: Story): string[] {
  const sentences = [arrivalOf(story), ...placementOf(story)];
  if (story.refused !== undefined) {
    sentences.push(`It was refused: ${story.refused.args.reason ?? 'no reason is known'}.`);
  }
  sentences.push(...lifeOf(story), ...endOf(story));
  if (!story.isWhole) sentences.push('The trace ends early: its server was killed, or still runs.');
  else if (story.lostEvents > 0) {
    sentences.push(`The trace has lost ${story.lostEvents} events: there may be more to it.`);
  }
  return sentences.filter((sentence) => sentence !== '');
}

function arrivalOf({ request, arrival, arrivedUs, deadlineAtUs, slices }: Story): string {
  const name = `Request ${request}`;
  if (arrival === undefined) {
    const type = slices[0]?.type;
    return `${name}${type === undefined ? '' : ` (${type})`} has no arrival in the trace.`;
  }
  const { type = '', estimateUs, serviceUs, delayUs = 0 } = arrival.args;
  const deadline =
    deadlineAtUs === undefined
      ? 'without a deadline'
      : `with its deadline ${us(deadlineAtUs - arrivedUs)} later, at ${us(deadlineAtUs)}`;
  const expected = estimateUs === undefined ? '' : `; it was expected to take ${us(estimateUs)}`;
  const takes = serviceUs === undefined ? '' : ` and takes ${us(serviceUs)}`;
  const seen = delayUs >= 1 ? ` The dispatcher saw it ${us(delayUs)} later.` : '';
  return `${name} (${type}) arrived at ${us(arrivedUs)} ${deadline}${expected}${takes}.${seen}`;
}

function placementOf({ head, arrival, runningAtArrival, asked }: Story): string[] {
  if (arrival === undefined) return [];
  const { worker, before = 0 } = arrival.args;
  const { dispatcher } = head;
  const rule = DISPATCHER_RULES[dispatcher];
  const because = rule === undefined ? '' : `: ${rule}`;
  const by = dispatcher === '' ? 'The dispatcher' : `The dispatcher (${dispatcher})`;
  const ahead = before === 0 ? 'nothing' : count(before, 'request');
  const placed =
    worker === undefined
      ? `${by} held it, with ${ahead} held before it${because}.`
      : `${by} gave it to worker ${worker}, with ${ahead} before it there${because}.`;
  const made = [...asked].map(
    ([on, running]) => `For its sake worker ${on} was asked to leave request ${running}.`,
  );
  return [placed, workersOf(head.workers, runningAtArrival), ...made];
}

function workersOf(workers: number, running: ReadonlyMap<number, Slice>): string {
  const idle = workers - running.size;
  if (workers > WORKERS_TOLD_MAX) return `At that moment ${idle} of ${workers} workers were idle.`;
  const each = Array.from({ length: workers }, (_, worker) => {
    const slice = running.get(worker);
    if (slice === undefined) return `worker ${worker} was idle`;
    return `worker ${worker} ran request ${slice.request} (${slice.type})`;
  });
  return `At that moment ${each.join(', ')}.`;
}

/** Waits and stretches on workers, one after another. */
function lifeOf(story: Story): string[] {
  const { slices, waits } = story;
  const sentences: string[] = [];
  let told = 0;
  slices.forEach((slice, at) => {
    const before = waits.find(({ toUs }) => toUs === slice.fromUs);
    const leaves = slice.how.end === 'preempted' || slice.how.end === 'blocked';
    const isTold = at === 0 || at === slices.length - 1 || told < TOLD_MAX;
    if (isTold && before !== undefined) sentences.push(waitOf(story, before, slice));
    if (!leaves) return;
    told += 1;
    if (told <= TOLD_MAX) sentences.push(leavingOf(story, slice));
    else if (told === TOLD_MAX + 1) sentences.push('');
  });
  if (told > TOLD_MAX) {
    sentences.push(`It left its worker ${count(told - TOLD_MAX, 'more time')} in the same way.`);
  }
  const last = waits.at(-1);
  if (last !== undefined && !slices.some(({ fromUs }) => fromUs === last.toUs)) {
    sentences.push(waitOf(story, last, undefined));
  }
  return sentences;
}

function waitOf(story: Story, wait: Wait, next: Slice | undefined): string {
  const waitedUs = wait.toUs - wait.fromUs;
  const verb = next?.how.begin === 'resume' ? 'went on' : 'began';
  if (waitedUs < 0.001)
    return next === undefined ? '' : `It ${verb} on worker ${next.worker} at once.`;
  const isThere = wait.worker !== undefined && wait.worker === next?.worker;
  const began =
    next === undefined ? '' : ` and ${verb} ${isThere ? 'there' : `on worker ${next.worker}`}`;
  const where = wait.worker === undefined ? 'for a worker' : `for worker ${wait.worker}`;
  const waited = `It waited ${us(waitedUs)} ${where}${began}`;
  if (wait.ran.length === 0)
    return `${waited}; nothing ran meanwhile: that is what waking it took.`;
  const named = wait.ran
    .slice(0, NAMED_MAX)
    .map(({ request, type, us: ranUs }) => `request ${request} (${type}) for ${us(ranUs)}`);
  const more = wait.ran.length - named.length;
  const others = more > 0 ? ` and ${count(more, 'other')}` : '';
  const workers = wait.worker === undefined ? 'the workers' : 'it';
  const idle = wait.idleUs >= 0.001 ? ` ${us(wait.idleUs)} went by between them.` : '';
  const ran = `${named.join(', ')}${others}`;
  return `${waited}; meanwhile ${workers} ran ${ran}.${idle}${blockingOf(story, wait)}`;
}

/** Head-of-line blocking: a short one behind a long one that is under way. */
function blockingOf({ slices, arrival }: Story, { fromUs, toUs, worker, ran }: Wait): string {
  const [first] = ran;
  const ownUs = arrival?.args.serviceUs ?? arrival?.args.estimateUs ?? ranUs(slices);
  if (first === undefined || worker === undefined || ownUs <= 0) return '';
  const share = first.us / (toUs - fromUs);
  if (share < BLOCKED_SHARE || first.us < BLOCKED_TIMES * ownUs) return '';
  return (
    ` That is head-of-line blocking: request ${first.request} alone is ` +
    `${Math.round(100 * share)} % of this wait, ${Math.round(first.us / ownUs)} times what this ` +
    'request takes.'
  );
}

function leavingOf(story: Story, { fromUs, toUs, how }: Slice): string {
  const after = `After ${us(toUs - fromUs)} it`;
  if (how.end === 'blocked') return `${after} waited in a host call.`;
  const { by, reason } = how;
  const other = by === undefined ? undefined : story.others.get(by);
  const type = other === undefined ? '' : ` (${other.type})`;
  const left = `${after} was preempted by request ${by ?? '?'}${type}`;
  if (reason === 'quantum') return `${left}, because its quantum had ended and that one waited.`;
  if (reason === 'overdue share') {
    return `${left}, because overdue requests have a share of the worker.`;
  }
  const [own, theirs] = [story.deadlineAtUs, other?.deadlineAtUs];
  const { scheduler } = story.head;
  const isByDeadline = scheduler === 'sched-edf';
  if (isByDeadline && own !== undefined && theirs !== undefined && theirs < own) {
    const sooner = `${us(own - theirs)} before its own`;
    return `${left}, because that deadline, at ${us(theirs)}, is ${sooner}.`;
  }
  const ranks = scheduler === '' ? 'the scheduler' : `the scheduler (${scheduler})`;
  return `${left}, which ${ranks} ranks before it.`;
}

function endOf(story: Story): string[] {
  const { slices, ended, waits, arrivedUs } = story;
  const last = slices.at(-1);
  const end = ended?.args ?? (last?.how.end === 'finished' ? last.how : undefined);
  if (end === undefined) {
    return last === undefined ? [] : ['The trace does not tell how it ended.'];
  }
  const totalUs = end.sojournUs ?? (ended?.ts ?? last?.toUs ?? 0) - arrivedUs;
  const waitUs = waits.reduce((sum, wait) => sum + wait.toUs - wait.fromUs, 0);
  const status = end.status ?? 'completed';
  const how = status === 'completed' ? 'It completed' : `It ended as ${status}`;
  const spent = `${us(ranUs(slices))} on a worker and ${us(waitUs)} waiting`;
  return [
    `${how} ${us(totalUs)} after its arrival: ${spent}.`,
    deadlineOf(story, totalUs, end.lateUs),
  ];
}

function deadlineOf(story: Story, totalUs: number, lateUs: number | undefined): string {
  const { slices, waits, arrivedUs, deadlineAtUs } = story;
  if (deadlineAtUs === undefined) return '';
  const allowedUs = deadlineAtUs - arrivedUs;
  if (lateUs === undefined) return `It met its deadline with ${us(allowedUs - totalUs)} to spare.`;
  const missed = `It missed its deadline by ${us(lateUs)}`;
  const neededUs = ranUs(slices);
  if (neededUs > allowedUs) {
    return `${missed}: it took longer than its deadline allowed, whatever was done with it.`;
  }
  const [worst] = [...waits].sort((a, b) => b.toUs - b.fromUs - (a.toUs - a.fromUs));
  const behind = worst?.ran[0];
  const blame = behind === undefined ? '' : `, most of all for request ${behind.request}`;
  const needed = neededUs === 0 ? 'it never ran' : `it needed ${us(neededUs)} of ${us(allowedUs)}`;
  return `${missed}: ${needed}, and lost the rest waiting${blame}.`;
}

function ranUs(slices: readonly Slice[]): number {
  return slices.reduce((sum, { fromUs, toUs }) => sum + toUs - fromUs, 0);
}

function us(value: number): string {
  return `${Number(value.toFixed(3))} us`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
