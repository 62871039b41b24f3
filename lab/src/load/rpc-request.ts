import { SledgeError } from '@sledge/core';
import type { LoadRequest } from './run-load';

export type RpcFormat = 'sledge' | 'sledgescale' | 'raw';

/** What a class of RPCs sends. */
export interface RpcRequest {
  /** 0 to 254. */
  readonly requestType: number;
  /**
   * With the format `sledge` the arguments, `&` between; else the message. `{n}` is replaced by the
   * request's argument.
   */
  readonly text?: string | undefined;
  /** After the text: with the format `sledge` the function's input. */
  readonly input?: Uint8Array | undefined;
  /** NULs make the message as long as this. Default 0. */
  readonly paddedBytes?: number | undefined;
}

/** Settings of a load over eRPC; window and credits as the server has them. */
export interface RpcLoadOptions {
  /** The server's responseFormat. Default `sledge`. */
  readonly format?: RpcFormat | undefined;
  /** Slots of a session. Default 8. */
  readonly window?: number | undefined;
  /** Slots that are used at most. Default: all. */
  readonly outstanding?: number | undefined;
  /** Packets under way of a session. Default 32. */
  readonly credits?: number | undefined;
  /** Default 4096, or more if the sessions need it. */
  readonly ringEntries?: number | undefined;
  /** Default 16. */
  readonly rssQueues?: number | undefined;
  /** Sessions go to the server's Rpcs 0 to this, in turn. Default 1. */
  readonly remoteRpcs?: number | undefined;
  /** Of our session management. Default 0: any free one. */
  readonly clientPort?: number | undefined;
  /** A longer answer is malformed. Default: eRPC's largest. */
  readonly responseBytesMax?: number | undefined;
}

/** `erpc:` is what a server prints; `rpc:` means the same. */
export const isRpc = ({ protocol }: URL): boolean => protocol === 'erpc:' || protocol === 'rpc:';

const PLACE = '{n}';
const REQUEST_HEADER = 24;
const TYPE_MAX = 254;
const DEFAULTS = {
  window: 8,
  credits: 32,
  ringEntries: 4096,
  rssQueues: 16,
  remoteRpcs: 1,
  clientPort: 0,
} as const;

/**
 * `/fib?10` of an HTTP server, or `1?10`: request type and text of an RPC.
 * @throws SledgeError SLEDGE_ERR_LOAD_TARGET
 */
export function requestOf(target: URL, text: string): LoadRequest {
  if (!isRpc(target)) return { path: text };
  const match = /^\/?(\d{1,3})(?:\?([^]*))?$/.exec(text);
  const requestType = Number(match?.[1] ?? NaN);
  if (!(requestType <= TYPE_MAX)) {
    const reason = `${text || 'nothing'} is no request type from 0 to ${TYPE_MAX}, such as 1?10`;
    throw new SledgeError('SLEDGE_ERR_LOAD_TARGET', { url: target.href, reason });
  }
  return { requestType, text: match?.[2] };
}

/** `%20` and the like; the place of the argument may be written either way. */
const plain = (text: string): string =>
  decodeURIComponent(text.replace(/%(?![\da-f]{2})/gi, '%25'));

/** The message before and after the digits of its argument, and whether it has one. */
export function rpcMessage(
  { text, input = new Uint8Array() }: RpcRequest,
  format: RpcFormat,
): { before: Buffer; after: Buffer; hasArgument: boolean } {
  const isSledge = format === 'sledge';
  const words = text === undefined ? [] : isSledge ? text.split('&').map(plain) : [plain(text)];
  const [first = '', rest] = words
    .map((word) => (isSledge ? `${word}\0` : word))
    .join('')
    .split(PLACE, 2);
  const before = Buffer.from(first);
  const after = Buffer.concat([Buffer.from(rest ?? ''), input]);
  const hasArgument = rest !== undefined;
  const header = Buffer.alloc(isSledge ? REQUEST_HEADER : 0);
  if (isSledge) {
    header.write('SLq1', 0, 'latin1');
    header.writeUInt16LE(REQUEST_HEADER, 4);
    header.writeUInt16LE(words.length, 6);
    header.writeUInt32LE(before.length + Buffer.byteLength(rest ?? ''), 16);
  }
  if (hasArgument) return { before: Buffer.concat([header, before]), after, hasArgument };
  return { before: Buffer.concat([header, before, after]), after: Buffer.alloc(0), hasArgument };
}

const hex = (bytes: Buffer): string => (bytes.length === 0 ? '-' : bytes.toString('hex'));

/** Lines of the generator's plan. */
export function rpcLines(
  requests: readonly RpcRequest[],
  { format = 'sledge', outstanding, responseBytesMax, ...rest }: RpcLoadOptions,
): string[] {
  const numbers = { ...DEFAULTS, ...definedOf(rest) };
  const limits = definedOf({ outstanding: outstanding ?? numbers.window, responseBytesMax });
  return [
    `rpc format ${format}`,
    ...Object.entries({ ...numbers, ...limits }).map(([key, value]) => `rpc ${key} ${value}`),
    ...requests.map((request) => {
      const { before, after, hasArgument } = rpcMessage(request, format);
      const facts = `${request.requestType} ${request.paddedBytes ?? 0} ${Number(hasArgument)}`;
      return `request ${hex(before)} ${hex(after)} ${facts}`;
    }),
  ];
}

const definedOf = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
