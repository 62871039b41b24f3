import Table from 'cli-table3';
import picocolors from 'picocolors';
import type { SledgeError } from '@sledge/core';

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  verbose?: boolean;
}

/** One JSON document on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What is not the result: progress, warnings. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) printNote(`${picocolors.yellow('warning')} ${warning}`);
}

/** A table without borders, for terminals and for cut and awk. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  printLine(tableText(head, rows));
}

export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'];
  const others = ['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const chars = Object.fromEntries([...none, ...others].map((name) => [name, '']));
  const table = new Table({
    head: head.map((title) => picocolors.bold(title)),
    chars: { ...chars, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replace(/[ \t]+$/gm, '');
}

/** Code, message, how to solve it; the stack only with --verbose. */
export function printError(error: SledgeError, options: CommonOptions): void {
  const { code, message, solve, details } = error;
  if (options.json === true) printJson({ error: { code, message, solve, details } });
  else {
    printNote(`${picocolors.red(code)} ${message}`);
    printNote(`${picocolors.bold('How to solve it:')} ${solve}`);
  }
  if (options.verbose === true) printNote(stackOf(error));
}

function stackOf(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack;
}
