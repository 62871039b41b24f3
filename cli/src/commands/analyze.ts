import { existsSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import { analyzeSandboxLogs } from '@sledge/lab';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { printJson, printLine, printTable } from '../output';
import type { CommonOptions } from '../output';

export function analyzeCommand(program: Command): void {
  const command = program
    .command('analyze')
    .description("perf logs, ours or SLEdgeScale's: deadlines met, latency and slowdown by type")
    .argument('<files...>', 'logs of one run, read together');
  withCommon(command).action(analyze);
}

async function analyze(files: string[], options: CommonOptions): Promise<void> {
  const missing = files.find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason: `there is no file ${missing}` });
  }
  const analysis = await analyzeSandboxLogs(files);
  if (options.json === true) {
    printJson(analysis);
    return;
  }
  const { requests, meetDeadlinePercentage, unread, classes } = analysis;
  printLine(`${requests} requests, ${meetDeadlinePercentage.toFixed(3)} % met their deadline`);
  if (unread > 0) printLine(`${unread} lines are no rows of a perf log`);
  const number = (value: number): string => value.toPrecision(4);
  printTable(
    ['TYPE', 'REQUESTS', 'MISSED', 'P50 us', 'P99 us', 'P99.9 us', 'SLOWDOWN P50', 'P99', 'P99.9'],
    classes.map(({ type, requests: count, missRate, totalUs, slowdown }) => [
      type,
      String(count),
      `${(missRate * 100).toFixed(3)} %`,
      ...[totalUs, slowdown].flatMap(({ p50, p99, p999 }) => [p50, p99, p999].map(number)),
    ]),
  );
}
