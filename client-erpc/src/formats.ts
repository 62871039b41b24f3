import type { ErrorCode } from '@sledge/core';
import { errorCodeOf } from '@sledge/core/host';

export type ErpcFormat = 'sledge' | 'sledgescale' | 'raw';

/** What a server answered. Times come with the format `sledge`, runNs also with `sledgescale`. */
export interface ErpcAnswer {
  readonly output: Buffer;
  /** Undefined: completed. */
  readonly code: ErrorCode | undefined;
  /** Exit code, or number of the trap's kind. */
  readonly detail: number;
  readonly times: {
    /** From arrival at the server to the first instruction. */
    queueNs: number;
    runNs: number;
    totalNs: number;
  };
  /** Time left to the deadline at the end; Infinity: it had none. */
  readonly slackNs: number;
}

/** One of the payload formats of docs/reference/erpc.md. */
export interface Format {
  request(input: Uint8Array, args: readonly string[], deadlineUs: number): Uint8Array;
  /** Undefined: not in this format. */
  answer(message: Buffer): ErpcAnswer | undefined;
}

const REQUEST_HEADER = 24;
const RESPONSE_HEADER = 48;
const NO_DEADLINE = 0x7fff_ffff_ffff_ffffn;
const NO_TIMES = { queueNs: 0, runNs: 0, totalNs: 0 };

const plain = (output: Buffer): ErpcAnswer => ({
  output,
  code: undefined,
  detail: 0,
  times: NO_TIMES,
  slackNs: Infinity,
});

function sledgeRequest(input: Uint8Array, args: readonly string[], deadlineUs: number): Buffer {
  const text = Buffer.from(args.map((arg) => `${arg}\0`).join(''));
  const message = Buffer.alloc(REQUEST_HEADER + text.length + input.length);
  message.write('SLq1', 0, 'latin1');
  message.writeUInt16LE(REQUEST_HEADER, 4);
  message.writeUInt16LE(args.length, 6);
  message.writeBigUInt64LE(BigInt(Math.ceil(deadlineUs)), 8);
  message.writeUInt32LE(text.length, 16);
  message.set(text, REQUEST_HEADER);
  message.set(input, REQUEST_HEADER + text.length);
  return message;
}

function sledgeAnswer(message: Buffer): ErpcAnswer | undefined {
  if (message.length < RESPONSE_HEADER || message.toString('latin1', 0, 4) !== 'SLr1') return;
  const headerBytes = message.readUInt16LE(4);
  if (headerBytes < RESPONSE_HEADER || headerBytes > message.length) return;
  const number = message.readUInt32LE(8);
  const slack = message.readBigInt64LE(40);
  return {
    output: message.subarray(headerBytes),
    code: number === 0 ? undefined : errorCodeOf(number),
    detail: message.readInt32LE(12),
    times: {
      queueNs: Number(message.readBigUInt64LE(16)),
      runNs: Number(message.readBigUInt64LE(24)),
      totalNs: Number(message.readBigUInt64LE(32)),
    },
    slackNs: slack === NO_DEADLINE ? Infinity : Number(slack),
  };
}

function sledgescaleAnswer(message: Buffer): ErpcAnswer | undefined {
  const text = message.toString('latin1');
  const match = /^([01]) ([^]*)$/.exec(text);
  if (match === null) return undefined;
  const output = message.subarray(2);
  if (match[1] === '1') return { ...plain(output), code: 'SLEDGE_ERR_INVOKE_UNKNOWN' };
  const runNs = Number(match[2]) * 1_000;
  return Number.isNaN(runNs) ? undefined : { ...plain(output), times: { ...NO_TIMES, runNs } };
}

export const formats: Readonly<Record<ErpcFormat, Format>> = {
  sledge: { request: sledgeRequest, answer: sledgeAnswer },
  sledgescale: { request: (input) => input, answer: sledgescaleAnswer },
  raw: { request: (input) => input, answer: plain },
};
