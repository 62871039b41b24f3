import { setTimeout as delay } from 'node:timers/promises';
import { askAdmin, findControl } from '@sledge/core/host';
import type { LiveReport } from '@sledge/core/host';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { wholeBetween } from '../number-options';
import { printJson, printLine } from '../output';
import type { CommonOptions } from '../output';
import { sampleWithRates, screenText } from './top-screen';
import type { TopScreen } from './top-screen';

interface TopOptions extends CommonOptions {
  socket?: string;
  once?: boolean;
  count?: number;
}

const COLUMNS = 80;
/** Where there is no terminal, nothing is cut. */
const ROWS = 1000;
const CLEAR = '\u001b[H\u001b[J';

export function topCommand(program: Command): void {
  const command = program
    .command('top')
    .description('what a server that runs does now, second by second; Ctrl+C ends it')
    .option('--once', 'one look at a second, then the end')
    .option('--count <n>', 'so many looks, then the end', wholeBetween(1, 1e9, '--count'))
    .option('--socket <path>', "the server's control socket; default: your only server's");
  withCommon(command).action(top);
}

async function top(options: TopOptions): Promise<void> {
  const socket = findControl(options.socket);
  const isScreen = process.stdout.isTTY && options.json !== true && options.once !== true;
  let left = options.once === true ? 1 : (options.count ?? Infinity);
  for (let after = 0; left > 0;) {
    const report = await look(socket, after);
    const sample = sampleWithRates(report);
    after = report.sequence;
    if (sample !== undefined) {
      show({ phase: report.phase, sample }, options, isScreen);
      left -= 1;
    }
    if (left > 0) await delay(report.periodMs);
  }
}

function look(socket: string, after: number): Promise<LiveReport & { phase: string }> {
  const path = `/live?after=${after}`;
  return askAdmin(socket, { path }) as Promise<LiveReport & { phase: string }>;
}

/** One JSON document for one look, a line for each of several. */
function show(look: TopScreen, options: TopOptions, isScreen: boolean): void {
  if (options.json === true) {
    const document = { phase: look.phase, ...look.sample };
    if (options.once === true) printJson(document);
    else printLine(JSON.stringify(document));
    return;
  }
  const { columns = COLUMNS, rows = ROWS } = process.stdout;
  printLine((isScreen ? CLEAR : '') + screenText(look, columns, rows) + (isScreen ? '' : '\n'));
}
