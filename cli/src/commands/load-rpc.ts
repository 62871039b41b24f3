import { SledgeError } from '@sledge/core';
import type { RpcFormat, RpcLoadOptions } from '@sledge/lab';
import type { Command } from 'commander';
import { wholeBetween } from '../number-options';

/** Flags of a load over eRPC. */
export interface RpcFlags {
  rpc?: string;
  sessions?: number;
  format?: RpcFormat;
  window?: number;
  outstanding?: number;
  credits?: number;
  ringEntries?: number;
  rssQueues?: number;
  remoteRpcs?: number;
  clientPort?: number;
  requestBytes?: number;
  input?: string;
  conf?: string;
  log?: string;
}

const FORMATS: readonly string[] = ['sledge', 'sledgescale', 'raw'] satisfies RpcFormat[];
const NAMES = [
  ...['sessions', 'format', 'window', 'outstanding', 'credits', 'ringEntries', 'rssQueues'],
  ...['remoteRpcs', 'clientPort', 'requestBytes', 'input', 'conf', 'log'],
] as (keyof RpcFlags)[];

export function addRpcOptions(command: Command): void {
  const whole = (flag: string, about: string, low: number, high: number): void => {
    command.option(`${flag} <n>`, about, wholeBetween(low, high, flag));
  };
  command.option('--rpc <host:port>', 'the same as --target erpc://host:port; the rest is of RPC');
  whole('--sessions', 'kept open; default 8', 1, 1024);
  command.option(
    '--format <name>',
    `responseFormat of the server: ${FORMATS.join(', ')}`,
    formatOf,
  );
  whole('--window', 'slots of a session, a power of two as at the server; default 8', 1, 4096);
  whole('--outstanding', 'requests in flight of a session; default: its window', 1, 4096);
  whole('--credits', 'packets in flight of a session, as at the server; default 32', 1, 4096);
  whole('--ring-entries', 'of our receive ring; default 4096', 64, 1_048_576);
  whole('--rss-queues', "modulus of the source port's search; default 16", 1, 256);
  whole('--remote-rpcs', 'pollers of the server that sessions go to in turn; default 1', 1, 255);
  whole('--client-port', 'of our session management; 0: any free one', 0, 65_535);
  whole('--request-bytes', 'NULs make each message as long', 0, 7_903_368);
  command
    .option('--input <file>', 'what each message ends with')
    .option('--conf <file>', 'a conf of a SLEdgeScale client, in place of classes and rate')
    .option('--log <file>', "every request, in the format of a SLEdgeScale client's log");
}

function formatOf(text: string): RpcFormat {
  if (FORMATS.includes(text)) return text as RpcFormat;
  throw usage(`--format is one of ${FORMATS.join(', ')}; this is ${text}`);
}

export function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

/** @throws SledgeError SLEDGE_ERR_CLI_USAGE for flags that do not go together */
export function checkRpcFlags(flags: RpcFlags, isRpc: boolean): void {
  const given = NAMES.find((name) => flags[name] !== undefined);
  if (!isRpc && given !== undefined) {
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw usage(`--${flag} is of RPC, and the target is not erpc://`);
  }
  const { window = 8, outstanding = 1 } = flags;
  if (!Number.isInteger(Math.log2(window))) throw usage(`--window ${window} is no power of two`);
  if (outstanding > window) {
    throw usage(`--outstanding ${outstanding} is more than the window, ${window}`);
  }
}

export function rpcOptionsOf(flags: RpcFlags): RpcLoadOptions {
  const { format, window, outstanding, credits, ringEntries, rssQueues, remoteRpcs } = flags;
  const { clientPort } = flags;
  const limits = { window, outstanding, credits, ringEntries, rssQueues };
  return { format, ...limits, remoteRpcs, clientPort };
}
