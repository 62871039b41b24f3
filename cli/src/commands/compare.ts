import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { loadUserModule } from '@sledge/core/host';
import { compare, csvOf, htmlReport, parseExperiment, variantOf, writeBundle } from '@sledge/lab';
import type { CompareDocument, Experiment, ExperimentInput } from '@sledge/lab';
import type { Command } from 'commander';
import { compareEngine } from '../compare-engine';
import { withCommon } from '../config-options';
import { numberBetween, numberList, wholeBetween } from '../number-options';
import { printJson, printLine, printNote } from '../output';
import type { CommonOptions } from '../output';
import { ProgressBar } from './compare-progress';
import { printComparison } from './print-compare';

interface CompareFlags extends CommonOptions {
  config?: string;
  a?: string;
  b?: string;
  variant?: string[];
  workload?: string[];
  scale?: number;
  loads?: number[];
  workers?: number;
  live?: true;
  simulated?: true;
  server?: string[];
  repeats?: number;
  duration?: number;
  warmup?: number;
  requests?: number;
  connections?: number;
  costs?: string;
  ideal?: true;
  threads?: number;
  seed?: number;
  oversubscribe?: true;
  output?: string;
  csv?: string;
  html?: string;
  bundle?: string;
}

export function compareCommand(program: Command): void {
  const again = (value: string, before: string[] = []) => [...before, value];
  const command = program
    .command('compare')
    .description('run policies turn about at several loads, and say what differs beyond the noise')
    .option('-c, --config <file>', 'experiment, such as lab.config.ts; flags change it')
    .option('--a <dispatcher/scheduler>', 'the variant that others are set beside')
    .option('--b <dispatcher/scheduler>', 'another variant')
    .option('--variant <[name=]dispatcher/scheduler>', 'one more; repeatable', again)
    .option('--workload <preset>', 'such as high-bimodal; repeatable', again)
    .option(
      '--scale <factor>',
      'all service times, times this',
      numberBetween(1e-3, 1e6, '--scale'),
    )
    .option(
      '--loads <list>',
      'shares of capacity: 0.5,0.8 or 0.1..0.9 or 0.1..0.9/5',
      numberList(1e-4, 10, '--loads'),
    )
    .option('--workers <n>', 'of each variant', wholeBetween(1, 4096, '--workers'))
    .option('--live', 'on the live runtime over HTTP (default)')
    .option('--simulated', 'in virtual time')
    .option('--server <url>', 'of a variant that runs elsewhere, in their order', again)
    .option('--repeats <n>', 'of each load and variant', wholeBetween(1, 1000, '--repeats'))
    .option('--duration <s>', 'of each live run', numberBetween(0.01, 3600, '--duration'))
    .option('--warmup <s>', 'before each live run', numberBetween(0, 600, '--warmup'))
    .option('--requests <n>', 'of each simulated run', wholeBetween(1, 1e9, '--requests'))
    .option('--connections <n>', 'of the load generator', wholeBetween(1, 65_536, '--connections'))
    .option('--costs <name>', 'of mechanisms in virtual time, or a .json file')
    .option('--ideal', 'the same as --costs ideal')
    .option('--threads <n>', 'in virtual time (default: cores)', wholeBetween(1, 1024, '--threads'))
    .option('--seed <n>', 'of the first repeat', wholeBetween(0, 2 ** 31, '--seed'))
    .option('--oversubscribe', 'label and do not refuse more workers than cores - 1')
    .option('--output <file>', 'the JSON document')
    .option('--csv <file>', 'raw samples')
    .option('--html <file>', 'one self-contained page')
    .option('--bundle <folder>', 'everything another needs to check or repeat it');
  withCommon(command).action(runCompare);
}

async function runCompare(flags: CompareFlags): Promise<void> {
  const experiment = experimentOf(flags);
  const settings = { folder: folderOf(flags), threads: flags.threads };
  const bar = process.stderr.isTTY ? new ProgressBar() : undefined;
  let document: CompareDocument;
  try {
    document = await compare(experiment, (one) => compareEngine(experiment, one, settings), {
      command: commandLine(),
      onProgress: (progress) => bar?.show(progress),
    });
  } finally {
    bar?.stop();
  }
  write(flags, document);
  if (flags.json === true) printJson(document);
  else printComparison(document);
}

function experimentOf(flags: CompareFlags): Experiment {
  const file = flags.config === undefined ? undefined : path.resolve(flags.config);
  const given = (file === undefined ? {} : loadUserModule(file)) as Partial<ExperimentInput>;
  const names = [flags.a, flags.b, ...(flags.variant ?? [])].filter((one) => one !== undefined);
  let variants = names.length > 0 ? names.map(variantOf) : (given.variants ?? []);
  const servers = flags.server ?? [];
  if (servers.length > 0 && variants.length === 0) {
    variants = servers.map((server) => ({ name: new URL(server).host, server }));
  } else if (servers.length > 0) {
    if (servers.length !== variants.length) {
      const reason = `${variants.length} variants need as many --server, in their order`;
      throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
    }
    variants = variants.map((one, at) => ({ ...one, server: servers[at] }));
  }
  const engine = servers.length > 0 ? 'remote' : flags.simulated ? 'simulated' : undefined;
  const changed = {
    engine: engine ?? (flags.live ? 'live' : undefined),
    ...(flags.workload !== undefined && { workload: undefined, workloads: flags.workload }),
    scale: flags.scale,
    loads: flags.loads,
    workers: flags.workers,
    repeats: flags.repeats,
    durationS: flags.duration,
    warmupS: flags.warmup,
    requests: flags.requests,
    connections: flags.connections,
    costs: flags.ideal === true ? 'ideal' : flags.costs,
    seed: flags.seed,
    allowOversubscription: flags.oversubscribe,
  };
  const known = Object.entries(changed).filter(([, value]) => value !== undefined);
  return parseExperiment(
    { ...given, ...Object.fromEntries(known), variants },
    file ?? 'given by flags',
  );
}

/** Where relative paths start: as in a configuration, at its own folder. */
function folderOf({ config }: CompareFlags): string {
  return config === undefined ? process.cwd() : path.dirname(path.resolve(config));
}

/** What was typed, ready to be typed again; without what changes no figure. */
function commandLine(): string {
  const plain = /^[\w@%+=:,./-]+$/;
  const typed = process.argv.slice(2);
  const words = typed.filter(
    (word, at) => !/^--threads(=|$)/.test(word) && typed[at - 1] !== '--threads',
  );
  const quoted = words.map((word) =>
    plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return ['npx', 'sledge', ...quoted].join(' ');
}

function write(flags: CompareFlags, document: CompareDocument): void {
  const save = (file: string | undefined, text: () => string): void => {
    if (file === undefined) return;
    try {
      writeFileSync(file, text());
    } catch (error) {
      const details = { path: path.dirname(path.resolve(file)) };
      throw new SledgeError('SLEDGE_ERR_CLI_OUTPUT', details, { cause: error });
    }
    printNote(`wrote ${file}`);
  };
  save(flags.output, () => `${JSON.stringify(document, undefined, 2)}\n`);
  save(flags.csv, () => csvOf(document));
  save(flags.html, () => htmlReport(document));
  if (flags.bundle === undefined) return;
  const files = writeBundle(flags.bundle, document, htmlReport(document));
  if (flags.json !== true) printLine(`${flags.bundle}: ${files.join(', ')}`);
}
