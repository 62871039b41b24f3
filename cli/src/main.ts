import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { asSledgeError } from '@sledge/core/host';
import { Command, CommanderError } from 'commander';
import { analyzeCommand } from './commands/analyze';
import { buildCommand } from './commands/build';
import { captureCommand } from './commands/capture';
import { checkCommand } from './commands/check';
import { compareCommand } from './commands/compare';
import { deployCommand } from './commands/deploy';
import { devCommand } from './commands/dev';
import { doctorCommand } from './commands/doctor';
import { explainCommand } from './commands/explain';
import { functionsCommand } from './commands/functions';
import { invokeCommand } from './commands/invoke';
import { keysCommand } from './commands/keys';
import { loadCommand } from './commands/load';
import { metricsCommand } from './commands/metrics';
import { nodesCommand } from './commands/nodes';
import { newCommand } from './commands/new';
import { pluginCommand } from './commands/plugin';
import { pluginsCommand } from './commands/plugins';
import { policyCommand } from './commands/policy';
import { simulateCommand } from './commands/simulate';
import { startCommand } from './commands/start';
import { studyCommand } from './commands/study';
import { tenantsCommand } from './commands/tenants';
import { drainCommand, rollbackCommand, splitCommand, undeployCommand } from './commands/traffic';
import { topCommand } from './commands/top';
import { EXIT, exitCodeOf } from './exit-codes';
import { printError } from './output';
import type { CommonOptions } from './output';

/** Runs one command; sets process.exitCode and never rejects. */
export async function main(args: readonly string[]): Promise<void> {
  surviveLostOutput();
  const separator = args.indexOf('--');
  const flags = separator < 0 ? args : args.slice(0, separator);
  const options: CommonOptions = {
    json: flags.includes('--json'),
    verbose: flags.includes('--verbose'),
  };
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const failure = error instanceof CommanderError ? usageError(error) : asSledgeError(error);
    process.exitCode = exitCodeOf(failure) || EXIT.failed;
    printError(failure, options);
  }
}

/** Whoever reads the output may leave, and its disk may be full: a failure, and no crash. */
function surviveLostOutput(): void {
  process.stdout.on('error', () => (process.exitCode = EXIT.failed));
  process.stderr.on('error', () => undefined);
}

function createProgram(): Command {
  const program = new Command('sledge')
    .description('A plugin-based serverless runtime for the edge, at microsecond scale.')
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  startCommand(program);
  newCommand(program);
  devCommand(program);
  buildCommand(program);
  checkCommand(program);
  invokeCommand(program);
  functionsCommand(program);
  pluginsCommand(program);
  pluginCommand(program);
  policyCommand(program);
  metricsCommand(program);
  deployCommand(program);
  rollbackCommand(program);
  splitCommand(program);
  undeployCommand(program);
  tenantsCommand(program);
  nodesCommand(program);
  drainCommand(program);
  topCommand(program);
  doctorCommand(program);
  simulateCommand(program);
  keysCommand(program);
  loadCommand(program);
  captureCommand(program);
  compareCommand(program);
  studyCommand(program);
  analyzeCommand(program);
  explainCommand(program);
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.configureOutput({ outputError: () => undefined }).exitOverride();
  }
  return program;
}

function usageError(error: CommanderError): SledgeError {
  const isHelp = error.code === 'commander.help';
  const reason = isHelp ? 'A command is missing.' : error.message.replace(/^error: /, '');
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

function version(): string {
  const file = path.join(__dirname, '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
