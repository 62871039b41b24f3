import { byId, fillTable, make, setText } from './dom.js';
import { count, percent, ratio, shortNumber, time } from './format.js';
import type { LiveFunction, LiveSample } from './report.js';

const FUNCTION_HEAD = [
  ...['Function', 'Ended', 'Per s', 'Sojourn p50', 'p99', 'p99.9', 'Slowdown p50', 'p99'],
  ...['Missed', 'Missed per s', 'Refused', 'Preempted', 'In flight', 'Queued'],
];
const WORKER_HEAD = [
  'Worker',
  'Group',
  'State',
  'Queued',
  'In sandboxes',
  'CPU',
  'Runs per s',
  'Preemptions',
];
const GROUP_HEAD = [
  ...['Group', 'Held', 'Queued', 'Running', 'Blocked', 'Interrupts per s', 'Refused per s'],
];

export function nameOf({ tenant, function: name }: LiveFunction): string {
  return `${tenant}/${name}`;
}

/** Figures and tables of the last sample. */
export function showTables(sample: LiveSample): void {
  showNow(sample);
  const rows = sample.functions.map((row) => ({ ...row, name: nameOf(row) }));
  // a fixed order: rows that jump about cannot be read
  rows.sort((a, b) => a.name.localeCompare(b.name));
  fillTable(
    byId<HTMLTableElement>('function-table'),
    'Percentiles and rates of the last second; counts since the start.',
    FUNCTION_HEAD,
    rows.map((row) => [
      { text: row.name, isText: true },
      { text: count(row.ended) },
      { text: shortNumber(row.ratePerS) },
      { text: time(row.sojournUs.p50) },
      { text: time(row.sojournUs.p99) },
      { text: time(row.sojournUs.p999) },
      { text: ratio(row.slowdown.p50) },
      { text: ratio(row.slowdown.p99) },
      { text: count(row.missed), isBad: row.missedPerS > 0 },
      { text: shortNumber(row.missedPerS), isBad: row.missedPerS > 0 },
      { text: count(row.rejected), isBad: row.rejectedPerS > 0 },
      { text: count(row.preemptions) },
      { text: count(row.inFlight) },
      { text: count(row.queued) },
    ]),
  );
  const leftOff = byId('left-off');
  leftOff.hidden = sample.functionsLeftOff === 0;
  setText(leftOff, `${sample.functionsLeftOff} functions with less to do are left off.`);
  showWorkers(sample);
}

function showWorkers({ workers, groups }: LiveSample): void {
  fillTable(
    byId<HTMLTableElement>('worker-table'),
    'Of the last second.',
    WORKER_HEAD,
    workers.map((row, worker) => [
      { text: `worker ${worker}`, isText: true },
      { text: row.group, isText: true },
      { text: row.isIdle ? 'idle' : 'runs', isText: true },
      { text: count(row.queued) },
      { text: percent(row.sandboxShare) },
      { text: percent(row.cpuShare) },
      { text: shortNumber(row.runsPerS) },
      { text: shortNumber(row.preemptionsPerS) },
    ]),
  );
  fillTable(
    byId<HTMLTableElement>('group-table'),
    'As they are now.',
    GROUP_HEAD,
    groups.map((row) => [
      { text: row.group, isText: true },
      { text: count(row.held) },
      { text: count(row.queued) },
      { text: count(row.running) },
      { text: count(row.blocked) },
      { text: shortNumber(row.interruptsPerS) },
      { text: shortNumber(row.refusedPerS) },
    ]),
  );
}

function showNow({ total, workers }: LiveSample): void {
  const busy = workers.filter(({ isIdle }) => !isIdle).length;
  const figures: [string, string][] = [
    ['Ended', count(total.ended)],
    ['Throughput per s', shortNumber(total.ratePerS)],
    ['Sojourn p50', time(total.sojournUs.p50)],
    ['Sojourn p99', time(total.sojournUs.p99)],
    ['Slowdown p99', ratio(total.slowdown.p99)],
    ['Deadlines missed', count(total.missed)],
    ['Missed per s', shortNumber(total.missedPerS)],
    ['Refused', count(total.rejected)],
    ['In flight', count(total.inFlight)],
    ['Queued', count(total.queued)],
    ['Workers that run', workers.length === 0 ? '-' : `${busy} of ${workers.length}`],
  ];
  const list = byId('now');
  figures.forEach(([title, text], at) => {
    const box =
      list.children[at] ??
      list.appendChild(make('div', {}, make('dt'), make('dd', { id: idOf(title) })));
    setText(box.children[0] as Element, title);
    setText(box.children[1] as Element, text);
  });
}

/** `#now-ended`, for whoever reads the page by a program. */
function idOf(title: string): string {
  return `now-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}
