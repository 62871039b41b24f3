import { explainRequest } from '@sledge/lab';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { wholeBetween } from '../number-options';
import { printJson, printLine } from '../output';
import type { CommonOptions } from '../output';

interface ExplainOptions extends CommonOptions {
  trace: string;
}

const requestNumber = wholeBetween(1, Number.MAX_SAFE_INTEGER, 'a request');

export function explainCommand(program: Command): void {
  const command = program
    .command('explain')
    .description('why a request was placed where it was, preempted, late')
    .argument(
      '<request>',
      'its number: X-Sledge-Request, rid of the perf log, or as the trace names it',
    )
    .requiredOption('--trace <file>', 'of `sledge simulate --trace` or `sledge start --trace`');
  withCommon(command).action(explain);
}

async function explain(request: string, options: ExplainOptions): Promise<void> {
  const explanation = await explainRequest(options.trace, requestNumber(request));
  if (options.json === true) return printJson(explanation);
  for (const sentence of explanation.sentences) printLine(sentence);
}
