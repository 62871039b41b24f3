import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CALL_NAMES } from './probe';

/** What a sandbox did in one case: as it has to, or what it gave. */
export type Result = 'yes' | (string & {});
/** By call, by what is said of it, by sandbox. */
export type Results = Record<string, Record<string, Record<string, Result>>>;

const FILE = path.join(__dirname, 'results.json');

/** Of the last run with SLEDGE_UPDATE_RESULTS=1; docs/reference/wasi.md is made of it. */
export function checkedIn(): Results {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Results;
}

export function checkIn(results: Results): void {
  writeFileSync(FILE, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** An empty table with a row for every call. */
export function noResults(): Results {
  return Object.fromEntries(CALL_NAMES.map((name) => [name, {}]));
}

export function note(results: Results, at: { call: string; says: string }, by: string, of: Result) {
  const rows = (results[at.call] ??= {});
  (rows[at.says] ??= {})[by] = of;
}
