import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { HEADERS, PERCENT } from '@sledge/nats-connection';

export interface RequestHeadOptions {
  /** argv[1] and on. */
  readonly args?: readonly string[];
  readonly requestId?: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** Whoever reads headers takes white space off their ends, and a header is one line. */
const IN_NO_HEADER = /^\s|\s$|[\r\n]/;

/** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT for what no header can hold. */
export function requestHead(options: RequestHeadOptions): MsgHdrs {
  const head = headers();
  const { args = [], requestId, traceparent, tracestate } = options;
  try {
    const isEncoded = args.some((arg) => IN_NO_HEADER.test(arg));
    if (isEncoded) head.set(HEADERS.argEncoding, PERCENT);
    for (const arg of args) head.append(HEADERS.arg, isEncoded ? encodeURIComponent(arg) : arg);
    if (requestId !== undefined) head.set(HEADERS.requestId, requestId);
    if (traceparent !== undefined) head.set(HEADERS.traceparent, traceparent);
    if (tracestate !== undefined) head.set(HEADERS.tracestate, tracestate);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SledgeError('SLEDGE_ERR_CLIENT_ARGUMENT', { reason }, { cause: error });
  }
  return head;
}

/** Before each attempt: what is left of it. */
export function setDeadline(head: MsgHdrs, deadlineMs: number): void {
  head.set(HEADERS.deadlineUs, String(Math.max(1, Math.floor(deadlineMs * 1_000))));
}
