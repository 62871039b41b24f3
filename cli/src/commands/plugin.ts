import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { printJson, printLine } from '../output';
import type { CommonOptions } from '../output';
import { writeFolder } from '../whole-file';

const KINDS = ['dispatcher', 'scheduler', 'transport', 'placement', 'registry'] as const;
type Kind = (typeof KINDS)[number];

/** Beside another policy, or by itself. */
const TESTS: Readonly<Record<Kind, string>> = {
  dispatcher: 'policy.test.txt',
  scheduler: 'policy.test.txt',
  transport: 'transport.test.txt',
  placement: 'placement.test.txt',
  registry: 'registry.test.txt',
};

/** What a new policy is tested with. */
const NOBODY = { kind: '', name: '' };
const BESIDE: Readonly<Record<Kind, typeof NOBODY>> = {
  transport: NOBODY,
  placement: NOBODY,
  registry: NOBODY,
  dispatcher: { kind: 'scheduler', name: 'fifo' },
  scheduler: { kind: 'dispatcher', name: 'jsq' },
};
const NAME = /^[a-z][a-z0-9-]{0,48}$/;
const TEMPLATES = path.join(__dirname, '..', '..', 'templates');
const CHECKOUT = path.join(__dirname, '..', '..', '..');

export function pluginCommand(program: Command): void {
  const plugin = program.command('plugin').description('begin a plugin of your own');
  const create = plugin
    .command('new')
    .description('write a skeleton that works, with a test that passes and a README')
    .argument('<kind>', KINDS.join(', '))
    .argument('<name>', 'lower-case letters, digits and hyphens; also the folder');
  withCommon(create).action((kind: string, name: string, options: CommonOptions) => {
    const files = writeSkeleton(kind, name);
    if (options.json === true) return printJson({ files });
    for (const file of files) printLine(file);
    printLine(`Test it: node --test ${path.join(name, `${name}.test.mjs`)}`);
    printLine(`Use it: ${kind}${kind === 'transport' ? 's' : ''} names ./${name}/${name}.ts`);
  });
}

/** @returns the files, relative to this folder */
function writeSkeleton(kind: string, name: string): string[] {
  if (!isKind(kind)) throw usage(`${kind} is none of ${KINDS.join(', ')}`);
  if (!NAME.test(name)) throw usage(`${name} is no name: lower-case letters, digits and hyphens`);
  if (existsSync(name)) throw usage(`${name} is there already`);
  return writeFolder(name, {
    [`${name}.ts`]: filled(`${kind}.ts.txt`, kind, name),
    [`${name}.test.mjs`]: filled(TESTS[kind], kind, name),
    'README.md': filled('README.txt', kind, name),
  });
}

function filled(template: string, kind: Kind, name: string): string {
  const beside = BESIDE[kind];
  const words: Record<string, string> = {
    __NAME__: name,
    __KIND__: kind,
    __OTHER__: beside.name,
    __OTHER_KIND__: beside.kind,
    __CORE__: JSON.stringify(path.join(CHECKOUT, 'core', 'package.json')),
    __FUNCTION__: JSON.stringify(path.join(CHECKOUT, 'functions', 'fibonacci.wasm')),
  };
  const text = readFileSync(path.join(TEMPLATES, template), 'utf8');
  return text.replace(/__[A-Z_]+?__/g, (word) => words[word] ?? word);
}

function isKind(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}
