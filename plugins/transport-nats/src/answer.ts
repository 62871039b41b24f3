import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { ErrorCode, Outcome } from '@sledge/core';
import { formatLoad, HEADERS, type NodeLoad } from '@sledge/nats-connection';

const NS_PER_US = 1_000;
const MESSAGE_CHARACTERS_MAX = 512;
const EMPTY = new Uint8Array(0);

/** Nothing has run here, and another node may have what this one has not: time, room, the code. */
const TRY_NEXT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SLEDGE_ERR_NATS_WOULD_MISS',
  'SLEDGE_ERR_NATS_IN_FLIGHT',
  'SLEDGE_ERR_PLACEMENT_REFUSED',
  'SLEDGE_ERR_PEER_UNSENT',
  'SLEDGE_ERR_INVOKE_UNKNOWN',
  'SLEDGE_ERR_INVOKE_DRAINING',
  'SLEDGE_ERR_INVOKE_QUEUE_FULL',
  'SLEDGE_ERR_INVOKE_CONCURRENCY',
  'SLEDGE_ERR_INVOKE_FUNCTION_GONE',
  'SLEDGE_ERR_INVOKE_FUNCTION_QUEUE',
  'SLEDGE_ERR_INVOKE_NOT_ADMITTED',
  'SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY',
  'SLEDGE_ERR_INVOKE_TENANT_QUEUE',
  'SLEDGE_ERR_INVOKE_TENANT_MEMORY',
  'SLEDGE_ERR_INVOKE_TENANT_RATE',
  'SLEDGE_ERR_INVOKE_TENANT_CPU',
  'SLEDGE_ERR_INVOKE_TENANT_SHARE',
]);

/** @returns whether it was refused here without running, and may be taken elsewhere. */
export function mayTryNext({ code }: SledgeError): boolean {
  return TRY_NEXT.has(code);
}

export interface Answer {
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

export interface Answering {
  readonly node: string;
  readonly load: NodeLoad;
  /** Of the server; a longer answer is none. Bytes. */
  readonly payloadMax: number;
}

/** How an outcome is said. */
export function answerOf(outcome: Outcome, answering: Answering): Answer {
  const { status, output, times } = outcome;
  const error = errorOf(outcome) ?? tooLong(outcome, answering);
  const answer =
    error !== undefined
      ? failureOf(error, answering)
      : { data: output, headers: headOf(answering) };
  answer.headers.set(HEADERS.queueUs, String(Math.round(times.queueNs / NS_PER_US)));
  answer.headers.set(HEADERS.runUs, String(Math.round(times.runNs / NS_PER_US)));
  // what began to run has perhaps had an effect: whoever called decides
  if (status !== 'dropped') answer.headers.delete(HEADERS.tryNext);
  return answer;
}

/** How it is said that something is wrong. */
export function failureOf(error: SledgeError, answering: Answering): Answer {
  const head = headOf(answering);
  head.set(HEADERS.error, error.code);
  head.set(HEADERS.errorStatus, String(error.httpStatus));
  head.set(HEADERS.errorMessage, oneLine(error.message));
  if (mayTryNext(error)) head.set(HEADERS.tryNext, '1');
  return { data: EMPTY, headers: head };
}

/** Undefined: it completed. */
export function errorOf({ status, error }: Outcome): SledgeError | undefined {
  if (status === 'completed') return undefined;
  const fallback = { reason: `status ${status} without an error` };
  return error ?? new SledgeError('SLEDGE_ERR_INTERNAL', fallback);
}

/** Undefined: NATS takes what it has said. */
export function tooLong(
  { output }: Outcome,
  { node, payloadMax: limitBytes }: Answering,
): SledgeError | undefined {
  const bytes = output.length;
  if (bytes <= limitBytes) return undefined;
  return new SledgeError('SLEDGE_ERR_NATS_ANSWER', { node, bytes, limitBytes });
}

export function asSledgeError(cause: unknown): SledgeError {
  if (cause instanceof SledgeError) return cause;
  return new SledgeError('SLEDGE_ERR_INTERNAL', { reason: String(cause) }, { cause });
}

function headOf({ node, load }: Answering): MsgHdrs {
  const head = headers();
  head.set(HEADERS.node, node);
  head.set(HEADERS.load, formatLoad(load));
  return head;
}

/** A header ends at the end of its line. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, MESSAGE_CHARACTERS_MAX);
}
