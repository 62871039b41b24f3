import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { Option } from 'commander';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { LANGUAGES_FOLDER } from '../languages/tools';
import { printJson, printLine } from '../output';
import type { CommonOptions } from '../output';
import { writeFolder } from '../whole-file';

/** Names that --lang takes, and the extension of each one's source. */
export const LANGUAGES: Readonly<Record<string, string>> = {
  c: '.c',
  cpp: '.cpp',
  rust: '.rs',
  'rust-no-std': '.rs',
  assemblyscript: '.as.ts',
  typescript: '.ts',
  javascript: '.js',
  wat: '.wat',
};
const NAME = /^[a-z][a-z0-9-]{0,48}$/;
const TEMPLATES = path.join(LANGUAGES_FOLDER, 'templates');
const COMMAND = path.join(__dirname, '..', '..', 'bin', 'sledge.js');

interface NewOptions extends CommonOptions {
  lang: string;
}

export function newCommand(program: Command): void {
  const group = program.command('new').description('begin a function of your own');
  const language = new Option('--lang <language>', 'what it is written in');
  const command = group
    .command('function')
    .description('write a function that works, with its configuration and a test that passes')
    .argument('<name>', 'lower-case letters, digits and hyphens; also the folder')
    .addOption(language.choices(Object.keys(LANGUAGES)).makeOptionMandatory());
  withCommon(command).action((name: string, options: NewOptions) => {
    if (!NAME.test(name)) throw usage(`${name} is no name: lower-case letters, digits and hyphens`);
    const files = writeFunction(name, name, options.lang);
    if (options.json === true) return printJson({ files });
    for (const file of files) printLine(file);
    printLine(`Test it: node --test ${path.join(name, `${name}.test.mjs`)}`);
    printLine(`Work on it: sledge dev ${name}`);
  });
}

/**
 * @returns the files, below `folder`
 * @throws SledgeError SLEDGE_ERR_CLI_USAGE when the folder is there, SLEDGE_ERR_CLI_OUTPUT.
 */
export function writeFunction(folder: string, name: string, language: string): string[] {
  if (existsSync(folder)) throw usage(`${folder} is there already`);
  return writeFolder(folder, {
    [`${name}${LANGUAGES[language] ?? ''}`]: filled(language, name, language),
    [`${name}.test.mjs`]: filled('test', name, language),
    'sledge.config.json': filled('config', name, language),
  });
}

function filled(template: string, name: string, language: string): string {
  const words: Record<string, string> = {
    __NAME__: name,
    __CLI__: JSON.stringify(COMMAND),
    __FUNCTION__: JSON.stringify(functionOf(name, language)),
  };
  const text = readFileSync(path.join(TEMPLATES, `${template}.txt`), 'utf8');
  return text.replace(/__[A-Z_]+?__/g, (word) => words[word] ?? word);
}

/** JavaScript answers with a status and headers of its own. */
function functionOf(name: string, language: string): object {
  const fn = { name, path: `./${name}.wasm`, route: `/${name}` };
  return /script$/.test(language) && language !== 'assemblyscript'
    ? { ...fn, responseFormat: 'cgi' }
    : fn;
}

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}
