import { readFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import type { FunctionReport, SplitReport } from '@sledge/core/host';
import { type AdminPlace, findControl, reasonOf } from '@sledge/core/host';
import type { Command } from 'commander';
import { withCommon } from './config-options';
import { numberBetween, wholeBetween } from './number-options';
import { printJson, printLine, printTable } from './output';
import type { CommonOptions } from './output';

export interface ServerOptions extends CommonOptions {
  socket?: string;
  url?: string;
  tokenFile?: string;
}

/** Adds what says which server is meant. */
export function withServer(command: Command): Command {
  return withCommon(
    command
      .option('--socket <path>', "the server's control socket; default: your only server's")
      .option('--url <url>', 'where its admin API listens, in place of a socket')
      .option('--token-file <file>', 'holds the bearer token of an operator, for --url'),
  );
}

/** @throws SledgeError SLEDGE_ERR_CLI_CONTROL, _USAGE */
export function placeOf({ socket, url, tokenFile }: ServerOptions): AdminPlace {
  if (url === undefined) return findControl(socket);
  if (!/^https?:\/\//.test(url)) throw usage(`--url is an http or https URL; this is ${url}`);
  return { url, token: tokenFile === undefined ? undefined : readToken(tokenFile) };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usage(`the file of --token-file cannot be read: ${reasonOf(error)}`);
  }
}

export function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

export interface RuleOptions {
  errorRate?: number;
  missRate?: number;
  requests?: number;
}

/** When the version under trial is given up by itself. */
export function withRule(command: Command): Command {
  const rate = (name: string) => numberBetween(0, 1, name);
  return command
    .option('--error-rate <part>', 'give it up above this part of errors', rate('--error-rate'))
    .option('--miss-rate <part>', '... of missed deadlines', rate('--miss-rate'))
    .option(
      '--requests <n>',
      'over so many of its requests (100)',
      wholeBetween(1, 1_000_000, '--requests'),
    );
}

const REQUESTS_DEFAULT = 100;

export function ruleOf({ errorRate, missRate, requests = REQUESTS_DEFAULT }: RuleOptions) {
  if (errorRate === undefined && missRate === undefined) return undefined;
  return { requests, errorRate, missRate };
}

/** Path of a function in the admin API; with `cluster` as all nodes have it. */
export function functionPath(
  tenant: string,
  name: string,
  { cluster = false }: { cluster?: boolean } = {},
): string {
  const path = `/tenants/${encodeURIComponent(tenant)}/functions/${encodeURIComponent(name)}`;
  return cluster ? `/cluster${path}` : path;
}

/** A function with its versions; the one that serves is marked. */
export function printFunction(report: FunctionReport, options: CommonOptions): void {
  if (options.json === true) return printJson(report);
  printTable(
    ['VERSION', 'SERVES', 'SOURCE', 'HASH', 'DEPLOYED'],
    report.versions.map(({ version, hash, source, at }) => [
      String(version),
      shareText(report, version),
      source,
      hash.slice(0, 12),
      at,
    ]),
  );
  for (const { at, action, version, reason } of report.events.slice(-3)) {
    printLine(`${at} ${action} ${version}${reason === undefined ? '' : `: ${reason}`}`);
  }
}

function shareText({ version: current, split }: FunctionReport, version: number): string {
  if (split === null) return version === current ? 'all' : '-';
  return splitText(split, version);
}

function splitText({ versions }: SplitReport, version: number): string {
  const sum = versions.reduce((total, { weight }) => total + weight, 0);
  const arm = versions.find((one) => one.version === version);
  if (arm === undefined) return '-';
  const { weight, requests, errors, misses } = arm;
  const share = Number(((100 * weight) / sum).toPrecision(4));
  return `${share} % (${requests} requests, ${errors} errors, ${misses} late)`;
}
