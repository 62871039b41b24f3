import { randomBytes } from 'node:crypto';
import type { MsgHdrs } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { FunctionHandle, InvocationRequest, RequestIds } from '@sledge/core';
import { HEADERS, PERCENT } from '@sledge/nats-connection';

/** A day: more is a mistake, not a deadline. Microseconds. */
const DEADLINE_US_MAX = 86_400_000_000;
const ARGS_MAX = 256;
/** Version 00 of W3C's Trace Context, and what later versions put behind it. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
const REQUEST_ID = /^[A-Za-z0-9._:+/=@-]{1,128}$/;

/** A message as the invocation that it asks for. */
export interface ReadRequest {
  readonly invocation: InvocationRequest;
  readonly ids: RequestIds;
}

/**
 * What a message asks for.
 * @throws SledgeError SLEDGE_ERR_NATS_REQUEST, SLEDGE_ERR_HTTP_BODY_TOO_LARGE.
 */
export function readRequest(
  fn: FunctionHandle,
  data: Uint8Array,
  headers: MsgHdrs | undefined,
): ReadRequest {
  const limitBytes = fn.maxBodyBytes;
  if (data.length > limitBytes) {
    throw new SledgeError('SLEDGE_ERR_HTTP_BODY_TOO_LARGE', { limitBytes });
  }
  const args = argsOf(headers);
  const { ids, environ } = namesOf(headers);
  const invocation: InvocationRequest = {
    args,
    environ: data.length === 0 ? environ : [`CONTENT_LENGTH=${data.length}`, ...environ],
    input: data,
    relativeDeadlineUs: deadlineOf(headers),
    ids,
  };
  return { invocation, ids };
}

/** @throws SledgeError SLEDGE_ERR_NATS_REQUEST */
function argsOf(headers: MsgHdrs | undefined): string[] {
  const said = headers?.values(HEADERS.arg) ?? [];
  if (said.length > ARGS_MAX) throw wrong(`there are more than ${ARGS_MAX} arguments`);
  const encoding = headers?.get(HEADERS.argEncoding) ?? '';
  if (encoding !== '' && encoding !== PERCENT) {
    throw wrong(`${encoding.slice(0, 40)} is no encoding of arguments: ${PERCENT} is`);
  }
  const args = encoding === '' ? said : said.map(decoded);
  if (args.some((arg) => arg.includes('\0'))) throw wrong('an argument holds a NUL');
  return args;
}

/** @throws SledgeError SLEDGE_ERR_NATS_REQUEST */
function decoded(arg: string): string {
  try {
    return decodeURIComponent(arg);
  } catch {
    throw wrong('an argument is not percent-encoded');
  }
}

/** @throws SledgeError SLEDGE_ERR_NATS_REQUEST */
function deadlineOf(headers: MsgHdrs | undefined): number | undefined {
  const text = headers?.get(HEADERS.deadlineUs) ?? '';
  if (text === '') return undefined;
  const us = /^[0-9]{1,12}$/.test(text) ? Number(text) : 0;
  if (us >= 1 && us <= DEADLINE_US_MAX) return us;
  throw wrong(`the deadline ${text.slice(0, 40)} is not 1 to ${DEADLINE_US_MAX} microseconds`);
}

/** As over HTTP: the function is a span of its own, and finds the names in its environ. */
function namesOf(headers: MsgHdrs | undefined): { ids: RequestIds; environ: string[] } {
  const given = TRACEPARENT.exec(headers?.get(HEADERS.traceparent) ?? '');
  const traceId = given?.[1] ?? randomBytes(16).toString('hex');
  const isSampled = (Number.parseInt(given?.[2] ?? '0', 16) & 1) === 1;
  const span = randomBytes(8).toString('hex');
  const asked = headers?.get(HEADERS.requestId) ?? '';
  const requestId = REQUEST_ID.test(asked) ? asked : traceId;
  const environ = [
    `HTTP_X_REQUEST_ID=${requestId}`,
    `HTTP_TRACEPARENT=00-${traceId}-${span}-${isSampled ? '01' : '00'}`,
  ];
  const state = headers?.get(HEADERS.tracestate) ?? '';
  if (given !== null && TRACESTATE.test(state)) environ.push(`HTTP_TRACESTATE=${state}`);
  return { ids: { requestId, traceId }, environ };
}

function wrong(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_NATS_REQUEST', { reason });
}
