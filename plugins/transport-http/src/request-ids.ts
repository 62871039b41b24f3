import { randomFillSync } from 'node:crypto';
import type { RequestIds } from '@sledge/core';
import type { EnvironBuilder } from './environ';

const REQUEST_ID = /^[A-Za-z0-9._:+/=@-]{1,128}$/;
/** Version, trace id, parent id, flags, and what later versions add. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
const LENGTH_OF_00 = 55;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

const pool = Buffer.alloc(4_096);
let digits = '';
let drawn = 0;

/** `bytes` random bytes in hexadecimal; never all zero, for all that chance can do. */
function randomHex(bytes: number): string {
  if (drawn + 2 * bytes > digits.length) {
    digits = randomFillSync(pool).toString('hex');
    drawn = 0;
  }
  drawn += 2 * bytes;
  return digits.slice(drawn - 2 * bytes, drawn);
}

interface GivenIds {
  requestId: string | undefined;
  traceparent: string | undefined;
  tracestate: string | undefined;
}

/**
 * What a request is called: the names that it brought, when they are well-formed, else new ones.
 * Trace context as W3C's Trace Context says: this server is a span of its own, and a `traceparent`
 * that is malformed begins a new trace without `tracestate`.
 */
export class RequestNames implements RequestIds {
  readonly requestId: string;
  readonly traceId: string;
  /** For what the function calls in turn. */
  readonly traceparent: string;
  /** For the client, as Trace Context level 2 has it; undefined: it brought no trace. */
  readonly traceresponse: string | undefined;
  readonly #tracestate: string | undefined;

  constructor({ requestId, traceparent, tracestate }: GivenIds) {
    const given = traceparent === undefined ? undefined : parse(traceparent);
    this.traceId = given?.traceId ?? randomHex(16);
    this.traceparent = `00-${this.traceId}-${randomHex(8)}-${given?.flags ?? '00'}`;
    this.traceresponse = given === undefined ? undefined : this.traceparent;
    const keepsState = given !== undefined && tracestate !== undefined;
    this.#tracestate = keepsState && TRACESTATE.test(tracestate) ? tracestate : undefined;
    const isGiven = requestId !== undefined && REQUEST_ID.test(requestId);
    this.requestId = isGiven ? requestId : this.traceId;
  }

  addTo(environ: EnvironBuilder): void {
    environ.add('HTTP_X_REQUEST_ID', this.requestId);
    environ.add('HTTP_TRACEPARENT', this.traceparent);
    if (this.#tracestate !== undefined) environ.add('HTTP_TRACESTATE', this.#tracestate);
  }

  /** Header lines, each with its end. */
  get lines(): string {
    const { requestId, traceresponse } = this;
    const trace = traceresponse === undefined ? '' : `Traceresponse: ${traceresponse}\r\n`;
    return `X-Request-Id: ${requestId}\r\n${trace}`;
  }

  /** What a function has said itself stays. @param headers names and values, alternating. */
  addToHeaders(headers: string[]): void {
    const said = new Set(headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
    if (!said.has('x-request-id')) headers.push('X-Request-Id', this.requestId);
    const { traceresponse } = this;
    if (traceresponse !== undefined && !said.has('traceresponse')) {
      headers.push('Traceresponse', traceresponse);
    }
  }
}

function parse(traceparent: string): { traceId: string; flags: string } | undefined {
  if (!TRACEPARENT.test(traceparent)) return undefined;
  // every field has its place, and cutting is cheaper than capturing
  const traceId = traceparent.slice(3, 35);
  if (traceId === NO_TRACE || traceparent.startsWith(NO_SPAN, 36)) return undefined;
  if (traceparent.startsWith('ff')) return undefined;
  if (traceparent.startsWith('00') && traceparent.length > LENGTH_OF_00) return undefined;
  // of the flags, this version knows one: sampled
  return { traceId, flags: Number.parseInt(traceparent.slice(53, 55), 16) & 1 ? '01' : '00' };
}
