import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { hint, loadUserModule, reasonOf } from '@sledge/core/host';
import { formatStudy, keyOf, parseStudy, pointsOf, runStudy } from '@sledge/lab';
import type { Study, StudyPoint } from '@sledge/lab';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { wholeBetween } from '../number-options';
import { printLine, printNote } from '../output';
import type { CommonOptions } from '../output';

interface StudyFlags extends CommonOptions {
  cell?: string[];
  output?: string;
  threads?: number;
}

export function studyCommand(program: Command): void {
  const again = (value: string, before: string[] = []) => [...before, value];
  const command = program
    .command('study')
    .description('run every policy of a study in virtual time, and write its report')
    .argument('<file>', 'such as lab/studies/dispatchers/study.ts')
    .option('--cell <key>', 'only this one, such as tpcc/w64/0.7/darc; repeatable', again)
    .option('--output <file>', 'default: report.json beside the study, with --cell none')
    .option(
      '--threads <n>',
      'runs at a time (default: one per core)',
      wholeBetween(1, 1024, '--threads'),
    );
  withCommon(command).action(study);
}

async function study(file: string, flags: StudyFlags): Promise<void> {
  const source = path.resolve(file);
  const parsed = parseStudy(loadUserModule(source), source);
  const points = chosen(parsed, flags.cell);
  const bar = new SingleBar(
    { format: '{bar} {percentage} % | {value}/{total} requests | {eta_formatted} left' },
    Presets.shades_classic,
  );
  const hasBar = process.stderr.isTTY;
  if (hasBar) bar.start(1, 0);
  let text: string;
  try {
    const report = await runStudy(parsed, points, path.dirname(source), {
      threads: flags.threads,
      onProgress: (done, total) => {
        if (hasBar) bar.setTotal(total);
        if (hasBar) bar.update(done);
      },
    });
    text = formatStudy(report);
  } finally {
    if (hasBar) bar.stop();
  }
  const beside =
    flags.cell === undefined ? path.join(path.dirname(source), 'report.json') : undefined;
  const output = flags.output ?? beside;
  if (output !== undefined) write(output, text, points.length);
  if (output === undefined || flags.json === true) printLine(text.trimEnd());
}

function chosen(parsed: Study, keys: readonly string[] | undefined): StudyPoint[] {
  const points = pointsOf(parsed);
  if (keys === undefined) return points;
  const byKey = new Map(points.map((point) => [keyOf(point), point]));
  return keys.map((key) => {
    const point = byKey.get(key);
    if (point !== undefined) return point;
    const reason = `--cell ${key} is none of the study${hint(key, [...byKey.keys()])}`;
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
  });
}

function write(file: string, text: string, points: number): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason: `--output: ${reasonOf(error)}` });
  }
  printNote(`${points} points written to ${file}.`);
}
