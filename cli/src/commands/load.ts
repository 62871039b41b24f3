import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SledgeError } from '@sledge/core';
import { calibrateHash, poissonMix, roundsFor, runLoad } from '@sledge/lab';
import type { LoadClass, LoadReport, LoadSample, MixPart, ScheduledRequest } from '@sledge/lab';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { numberBetween, numberList, wholeBetween } from '../number-options';
import { printJson, printNote } from '../output';
import type { CommonOptions } from '../output';
import { printLoadReport } from './print-load';

interface LoadFlags extends CommonOptions {
  target: string;
  class?: string[];
  serviceUs?: string[];
  rate?: number[];
  duration: number;
  connections: number;
  closed?: true;
  requests: number;
  seed: number;
  lateUs: number;
  timeoutMs: number;
  graceMs: number;
  spinUs: number;
  waiting: number;
  warmup: number;
  csv?: string;
}

const RATE_DEFAULT = 1000;
const COOL_DOWN_MS = 200;

export function loadCommand(program: Command): void {
  const again = (value: string, before: string[] = []) => [...before, value];
  const command = program
    .command('load')
    .description(
      'send requests to a server at their times (open loop) and measure what becomes of them',
    )
    .requiredOption('--target <url>', 'server; its path is what is asked, unless there are classes')
    .option('--class <name,share,path[,deadlineUs]>', 'a class of requests; repeatable', again)
    .option(
      '--service-us <name,share,us[,deadlineUs]>',
      'a class that the hash function at the target serves for this long; repeatable',
      again,
    )
    .option(
      '--rate <list>',
      'requests per second: 1000, or a sweep: 100,200 or 1000..10000/5',
      numberList(0.001, 10_000_000, '--rate'),
    )
    .option('--duration <s>', 'of each rate', numberBetween(0.001, 86_400, '--duration'), 5)
    .option(
      '--warmup <s>',
      'not counted, at the first rate',
      numberBetween(0, 3600, '--warmup'),
      0.5,
    )
    .option('--connections <n>', 'kept open', wholeBetween(1, 65_536, '--connections'), 64)
    .option('--closed', 'closed loop: each connection waits for its answer; --requests in all')
    .option(
      '--requests <n>',
      'of a closed loop',
      wholeBetween(1, 100_000_000, '--requests'),
      10_000,
    )
    .option('--seed <n>', 'of arrivals and classes', wholeBetween(0, 2 ** 32 - 1, '--seed'), 1)
    .option(
      '--late-us <us>',
      'sent later than this: late',
      numberBetween(0, 1e9, '--late-us'),
      1000,
    )
    .option('--timeout-ms <ms>', 'for an answer', numberBetween(1, 3.6e6, '--timeout-ms'), 10_000)
    .option(
      '--grace-ms <ms>',
      'answers are waited for after the last request',
      numberBetween(0, 3.6e6, '--grace-ms'),
      2_000,
    )
    .option(
      '--spin-us <us>',
      'poll this long before a send time',
      numberBetween(0, 1e6, '--spin-us'),
      50,
    )
    .option(
      '--waiting <n>',
      'may wait for a connection; more are dropped',
      wholeBetween(0, 10_000_000, '--waiting'),
      100_000,
    )
    .option('--csv <file>', 'every request as it was, one row each');
  withCommon(command).action(load);
}

async function load(flags: LoadFlags): Promise<void> {
  const target = targetOf(flags.target);
  const { classes, parts } = await classesOf(flags, target);
  const rates = flags.closed === true ? [0] : (flags.rate ?? [RATE_DEFAULT]);
  const csv = flags.csv === undefined ? undefined : new SampleFile(flags.csv, classes);
  const reports: LoadReport[] = [];
  try {
    if (flags.warmup > 0) await runAt(rates[0] ?? 0, flags.warmup);
    for (const rate of rates) {
      const report = await runAt(rate, flags.duration, csv?.rowOf(rate));
      reports.push(report);
      if (flags.json !== true) printLoadReport(report);
      await delay(COOL_DOWN_MS);
    }
  } finally {
    csv?.close();
  }
  if (flags.json === true) printJson({ schema: 'sledge-load/1', seed: flags.seed, runs: reports });

  function runAt(ratePerS: number, durationS: number, onSample?: (sample: LoadSample) => void) {
    const isClosed = flags.closed === true;
    const durationUs = durationS * 1e6;
    return runLoad({
      target,
      classes,
      schedule: isClosed
        ? inTurn(parts, flags.requests, flags.seed)
        : poissonMix(parts, { ratePerS, durationUs, seed: flags.seed }),
      mode: isClosed ? 'closed-loop' : 'open-loop',
      endUs: isClosed ? durationUs : durationUs + 500_000,
      connections: flags.connections,
      timeoutUs: flags.timeoutMs * 1000,
      graceUs: flags.graceMs * 1000,
      lateUs: flags.lateUs,
      spinUs: flags.spinUs,
      waitingMax: flags.waiting,
      onSample,
    });
  }
}

function targetOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    const reason = 'it is no URL such as http://127.0.0.1:10010/fib?10';
    throw new SledgeError('SLEDGE_ERR_LOAD_TARGET', { url: text, reason });
  }
}

interface Classes {
  classes: LoadClass[];
  parts: MixPart[];
}

async function classesOf(flags: LoadFlags, target: URL): Promise<Classes> {
  const named = (flags.class ?? []).map((text) => classOf(text, '--class'));
  const timed = (flags.serviceUs ?? []).map((text) => classOf(text, '--service-us'));
  const own = target.pathname + target.search;
  if (named.length + timed.length === 0) {
    return { classes: [{ name: own, request: { path: own } }], parts: [{ share: 1 }] };
  }
  const result: Classes = { classes: [], parts: [] };
  for (const { name, share, what, deadlineUs } of named) {
    result.classes.push({ name, request: { path: what }, deadlineUs });
    result.parts.push({ share });
  }
  if (timed.length > 0) {
    const path = `${target.pathname === '/' ? '/hash' : target.pathname}?{n}`;
    const calibration = await calibrateHash(target, path);
    const { nsPerRound, emptyUs } = calibration;
    printNote(`${path}: ${nsPerRound.toFixed(2)} ns per round, ${emptyUs.toFixed(0)} us without`);
    for (const { name, share, what, deadlineUs } of timed) {
      const us = numberBetween(0.001, 1e8, '--service-us')(what);
      result.classes.push({ name, request: { path }, serviceUs: () => us, deadlineUs });
      result.parts.push({ share, argument: () => roundsFor(calibration, us) });
    }
  }
  return result;
}

function classOf(text: string, option: string) {
  const [name = '', share = '', what = '', deadline] = text.split(',');
  if (name === '' || what === '') {
    const reason = `${option} is name,share,... with commas between; this is ${text}`;
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
  }
  const us = deadline === undefined ? undefined : numberBetween(1, 1e12, option)(deadline);
  const deadlineUs = us === undefined ? undefined : () => us;
  return { name, share: numberBetween(0, 1e9, option)(share), what, deadlineUs };
}

/** Classes as Poisson arrivals would draw them; a closed loop looks at their order alone. */
function* inTurn(parts: readonly MixPart[], count: number, seed: number) {
  let left = count;
  const ratePerS = 1e6;
  const drawn: Iterable<ScheduledRequest> = poissonMix(parts, {
    ratePerS,
    durationUs: Infinity,
    seed,
  });
  for (const request of drawn) {
    if (left === 0) return;
    left -= 1;
    yield request;
  }
}

const COLUMNS = 'rate,index,class,argument,at_us,sent_us,end_us,latency_us,outcome,status,bytes';
const FLUSH_CHARACTERS = 65_536;

/** Raw samples, a block at a time. */
class SampleFile {
  private readonly file: number;
  private text = `${COLUMNS}\n`;

  constructor(
    path: string,
    private readonly classes: readonly LoadClass[],
  ) {
    this.file = openSync(path, 'w');
  }

  rowOf(rate: number): (sample: LoadSample) => void {
    return (sample) => {
      const { index, type, argument, atNs, sentNs, endNs, outcome, status, bodyBytes } = sample;
      const fromNs = rate > 0 ? atNs : sentNs;
      const latency = outcome === 'answered' ? us(endNs - fromNs) : '';
      const times = `${us(atNs)},${us(sentNs)},${us(endNs)},${latency}`;
      const name = JSON.stringify(this.classes[type]?.name ?? '').replace(/\\"/g, '""');
      const what = `${outcome},${status},${bodyBytes}`;
      this.text += `${rate},${index},${name},${argument},${times},${what}\n`;
      if (this.text.length > FLUSH_CHARACTERS) this.flush();
    };
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private flush(): void {
    writeSync(this.file, this.text);
    this.text = '';
  }
}

const us = (ns: number): string => (ns / 1000).toFixed(3);
