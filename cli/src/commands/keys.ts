import { appendFileSync, chmodSync, existsSync, writeFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import { newKey, reasonOf } from '@sledge/core/host';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { printJson, printLine, printNote } from '../output';
import type { CommonOptions } from '../output';

interface NewOptions extends CommonOptions {
  file?: string;
  functions?: string;
}

export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('API keys of those who call functions');
  const command = keys
    .command('new')
    .description('make a key; it is printed once, and the file has its digest only')
    .argument('<name>', 'of who gets it; unique in its file')
    .option('--functions <names>', 'the only functions that it is for, separated by commas')
    .option('--file <file>', "the tenant's keysFile, to which the line is added; made with 0600");
  withCommon(command).action(makeKey);
}

function makeKey(name: string, { file, functions, json }: NewOptions): void {
  const { secret, line } = newKey(name, functions?.split(','));
  if (file !== undefined) append(file, line);
  if (json === true) return printJson({ name, key: secret, line, file });
  printLine(secret);
  printNote(file === undefined ? `Add this line to keysFile: ${line}` : `Added to ${file}.`);
}

/** In one write, so that a server that looks meanwhile reads whole lines. */
function append(file: string, line: string): void {
  try {
    if (!existsSync(file)) {
      writeFileSync(file, '', { mode: 0o600, flag: 'wx' });
      chmodSync(file, 0o600);
    }
    appendFileSync(file, `${line}\n`);
  } catch (error) {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_KEYS_FILE', details, { cause: error });
  }
}
