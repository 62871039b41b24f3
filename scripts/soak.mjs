// npm run soak: ten minutes at 80 % load with faults in the mix, in a server of this very process.
// Memory, descriptors and mappings must stay as they are, and no outcome may be missing.
// --seconds N, --workers N, --load 0.8, --built (skips the set-up).
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { inRoot } from './lib/paths.mjs';
import { runMain } from './lib/step.mjs';
import { setUp } from './setup.mjs';

const require = createRequire(import.meta.url);
const TURN_MS = 5;
const REPORTS = 10;
const IN_FLIGHT_MAX = 800;
/** V8's young generation appears at once at some time: 64 pages, each a mapping. */
const GROWTH_MAX = { memoryMiB: 48, descriptors: 16, mappings: 160 };

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    workers: { type: 'string', default: '1' },
    load: { type: 'string', default: '0.8' },
    built: { type: 'boolean', default: false },
  },
});

/** Weight in the mix, argument, and limits: what ends by itself, and what has to be ended. */
const MIX = [
  { name: 'fibonacci', weight: 400, args: ['18'] },
  { name: 'echo', weight: 300, input: Buffer.alloc(2000, 'x') },
  { name: 'empty', weight: 200 },
  { name: 'exit', weight: 20, args: ['3'] },
  { name: 'trap_unreachable', weight: 20 },
  { name: 'trap_out_of_bounds', weight: 20 },
  { name: 'trap_stack_overflow', weight: 20 },
  { name: 'huge_output', weight: 5, limits: { outputBytes: 10_000 } },
  { name: 'memory_growth', weight: 5, limits: { memoryBytes: 4 << 20 } },
  { name: 'endless_loop', weight: 5, limits: { wallTimeUs: 3000 } },
  { name: 'hold', weight: 5, args: ['sleep'], limits: { wallTimeUs: 3000 } },
  {
    name: 'hold',
    as: 'host-calls',
    weight: 5,
    args: ['calls'],
    limits: { wallTimeUs: 900_000, cpuTimeUs: 2000 },
  },
  { name: 'fibonacci', as: 'aborted', weight: 5, args: ['40'], onLate: 'abort', deadlineUs: 3000 },
  { name: 'fibonacci', as: 'dropped', weight: 20, onLate: 'drop-unstarted', deadlineUs: 200 },
];

function config() {
  const functions = MIX.map(({ name, as = name, limits = {}, onLate = 'run', deadlineUs }) => ({
    name: as,
    path: inRoot('functions', `${name}.wasm`),
    relativeDeadlineUs: deadlineUs,
    onLate,
    limits,
  }));
  return {
    workers: { count: Number(options.workers) },
    scheduler: 'edf',
    dispatcher: 'edf-interrupt',
    log: { level: 'error' },
    tenants: [{ name: 'soak', functions }],
  };
}

/** An endless row of entries of the mix, the same in each run. */
function* draws() {
  const wheel = MIX.flatMap((entry) => Array.from({ length: entry.weight }, () => entry));
  let state = 1;
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield wheel[(state >>> 8) % wheel.length];
  }
}

class Soak {
  sent = 0;
  ended = 0;
  refused = 0;
  twice = 0;
  runNs = 0;
  byStatus = {};

  constructor(services, handles) {
    this.services = services;
    this.handles = handles;
    this.draw = draws();
  }

  send() {
    const { as, name, args = [], input } = this.draw.next().value;
    let isOpen = true;
    const onOutcome = (outcome) => {
      this.twice += isOpen ? 0 : 1;
      isOpen = false;
      this.ended += 1;
      this.runNs += outcome.times.runNs;
      this.byStatus[outcome.status] = (this.byStatus[outcome.status] ?? 0) + 1;
    };
    try {
      const handle = this.handles.get(as ?? name);
      const id = this.services.invoke(handle, { args, environ: [], input }, onOutcome);
      this.sent += 1;
      if (this.sent % 97 === 0) setImmediate(() => this.services.cancel(id));
    } catch (error) {
      if (error.httpStatus !== 429) throw error;
      this.refused += 1;
    }
  }
}

function measure() {
  globalThis.gc?.();
  const { rss, heapTotal } = process.memoryUsage();
  return {
    memoryMiB: Math.round((rss - heapTotal) / 2 ** 20),
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  };
}

/** Sends as much as keeps the workers `load` busy. */
async function run(soak, endMs) {
  const busyNs = Number(options.workers) * Number(options.load) * TURN_MS * 1e6;
  let batch = 10;
  let seen = { ended: 0, runNs: 0 };
  while (performance.now() < endMs) {
    const turnEndMs = performance.now() + TURN_MS;
    let left = batch;
    while (left > 0 && soak.sent - soak.ended < IN_FLIGHT_MAX) {
      soak.send();
      left -= 1;
    }
    if (left > 0) batch = Math.ceil(batch * 0.8);
    await delay(Math.max(1, turnEndMs - performance.now()));
    const tookMs = performance.now() - turnEndMs + TURN_MS;
    if (soak.ended - seen.ended < 50) continue;
    const eachNs = (soak.runNs - seen.runNs) / (soak.ended - seen.ended);
    const wanted = ((busyNs / eachNs) * tookMs) / TURN_MS;
    batch = Math.max(1, Math.round(0.9 * batch + 0.1 * Math.min(wanted, 1000)));
    seen = { ended: soak.ended, runNs: soak.runNs };
  }
}

/** What grew between two measurements by more than it may. */
function growth(first, last) {
  return Object.entries(GROWTH_MAX)
    .filter(([name, most]) => last[name] - first[name] > most)
    .map(([name]) => `${name} grew from ${first[name]} to ${last[name]}`);
}

async function soakTest() {
  const { createSledge, tokens, z } = require(inRoot('core/dist/index.js'));
  let services;
  const transport = {
    name: 'transport-soak',
    kind: 'transport',
    apiVersion: 1,
    options: z.strictObject({}),
    create: (_options, ctx) => {
      services = ctx.container.resolve(tokens.TransportHost).invoker;
      const nothing = () => Promise.resolve();
      return { start: nothing, drain: nothing, stop: nothing, listeners: () => [] };
    },
  };
  const sledge = createSledge({ ...config(), transports: [transport] });
  await sledge.start();
  const soak = new Soak(services, new Map(sledge.functions().map((fn) => [fn.name, fn])));
  const seconds = Number(options.seconds);
  const startMs = performance.now();
  const problems = [];
  let first;
  for (let report = 1; report <= REPORTS; report += 1) {
    await run(soak, startMs + (seconds * 1000 * report) / REPORTS);
    const now = measure();
    if (report === Math.ceil(REPORTS / 4)) first = now;
    if (report === REPORTS) problems.push(...growth(first, now));
    const busy = soak.runNs / 1e6 / Number(options.workers) / (performance.now() - startMs);
    print(report, seconds, soak, now, busy);
  }
  await sledge.drain();
  await sledge.stop();
  const missing = soak.sent - soak.ended;
  console.log(`missing outcomes: ${missing}, twice: ${soak.twice}`, JSON.stringify(soak.byStatus));
  if (missing !== 0 || soak.twice !== 0) problems.push('an outcome is missing or came twice');
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

function print(report, seconds, soak, now, busy) {
  const at = ((seconds * report) / REPORTS).toFixed(0).padStart(4);
  console.log(
    `${at} s  sent ${soak.sent}  refused ${soak.refused}  ` +
      `workers ${(busy * 100).toFixed(0)} % busy` +
      `  memory ${now.memoryMiB} MiB  descriptors ${now.descriptors}  mappings ${now.mappings}`,
  );
}

await runMain(async () => {
  if (!options.built) await setUp();
  return soakTest();
});
