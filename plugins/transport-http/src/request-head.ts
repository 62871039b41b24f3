import type { IncomingMessage } from 'node:http';
import { badRequest, environPrefix } from './environ';

const MAX_CACHED_NAMES = 1_000;

/** What a header field means to us; functions see it or not by its prefix. */
enum Meaning {
  Other,
  Host,
  TransferEncoding,
  ContentLength,
  Expect,
  DeadlineUs,
  GrpcTimeout,
  RequestId,
  TraceParent,
  TraceState,
  Authorization,
  ApiKey,
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  host: Meaning.Host,
  'transfer-encoding': Meaning.TransferEncoding,
  'content-length': Meaning.ContentLength,
  expect: Meaning.Expect,
  'x-sledge-deadline-us': Meaning.DeadlineUs,
  'grpc-timeout': Meaning.GrpcTimeout,
  'x-request-id': Meaning.RequestId,
  traceparent: Meaning.TraceParent,
  tracestate: Meaning.TraceState,
  authorization: Meaning.Authorization,
  'x-api-key': Meaning.ApiKey,
};

interface Field {
  readonly meaning: Meaning;
  /** "HTTP_X_Y="; '' for one that functions do not see. */
  readonly prefix: string;
  /** The head that it was last seen in. */
  seenIn: number;
}

/** By name as it was written, and by name in lower case: both lead to one field. */
const fields = new Map<string, Field>();
let heads = 0;

/**
 * The head of a request from one pass over its fields. Node's own `headers` object, which costs
 * more than all of that, is asked only when a field is repeated.
 */
export class RequestHead {
  host: string | undefined;
  transferEncoding: string | undefined;
  contentLength: string | undefined;
  expect: string | undefined;
  deadlineUs: string | undefined;
  grpcTimeout: string | undefined;
  requestId: string | undefined;
  traceparent: string | undefined;
  tracestate: string | undefined;
  authorization: string | undefined;
  apiKey: string | undefined;
  /** CONTENT_TYPE and the HTTP_* entries, joined. */
  environ = '';
  environCount = 0;
  #hosts = 0;

  constructor(request: IncomingMessage) {
    const { rawHeaders } = request;
    heads += 1;
    let isPlain = true;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const field = fieldOf(rawHeaders[i] as string);
      isPlain &&= field !== undefined && field.seenIn !== heads;
      if (field === undefined) continue;
      field.seenIn = heads;
      this.#take(field, rawHeaders[i + 1] as string);
    }
    if (!isPlain) this.#takeJoined(request);
  }

  get hasBody(): boolean {
    if (this.transferEncoding !== undefined) return true;
    return this.contentLength !== undefined && this.contentLength !== '0';
  }

  /**
   * @throws SledgeError SLEDGE_ERR_HTTP_BAD_REQUEST for a framing that the parser lets pass and a
   * server behind a proxy must not.
   */
  checkFraming(isVersion11: boolean): void {
    if (this.#hosts > 1) throw badRequest('more than one Host header');
    if (this.#hosts === 0 && isVersion11) throw badRequest('no Host header');
    const encoding = this.transferEncoding;
    if (encoding === undefined) return;
    if (!isVersion11) throw badRequest('Transfer-Encoding in HTTP/1.0');
    if (encoding.toLowerCase() !== 'chunked') throw badRequest('a Transfer-Encoding but chunked');
    if (this.contentLength !== undefined) {
      throw badRequest('both Content-Length and Transfer-Encoding');
    }
  }

  #take(field: Field, value: string): void {
    if (field.prefix !== '') {
      this.environ += field.prefix + value + '\0';
      this.environCount += 1;
    }
    if (field.meaning !== Meaning.Other) this.#keep(field.meaning, value);
  }

  #keep(meaning: Meaning, value: string): void {
    switch (meaning) {
      case Meaning.Host:
        this.#hosts += 1;
        this.host = value;
        break;
      case Meaning.TransferEncoding:
        this.transferEncoding = value;
        break;
      case Meaning.ContentLength:
        this.contentLength = value;
        break;
      case Meaning.Expect:
        this.expect = value;
        break;
      case Meaning.DeadlineUs:
        this.deadlineUs = value;
        break;
      case Meaning.RequestId:
        this.requestId = value;
        break;
      case Meaning.TraceParent:
        this.traceparent = value;
        break;
      case Meaning.TraceState:
        this.tracestate = value;
        break;
      case Meaning.Authorization:
        this.authorization = value;
        break;
      case Meaning.ApiKey:
        this.apiKey = value;
        break;
      default:
        this.grpcTimeout = value;
    }
  }

  /** Repeated fields are joined by node's rules; names beyond the cache are looked at here too. */
  #takeJoined({ headers, rawHeaders }: IncomingMessage): void {
    this.environ = '';
    this.environCount = 0;
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      const field = fieldOf(name) ?? makeField(name);
      this.#take(field, typeof value === 'string' ? value : value.join(', '));
    }
    this.#hosts = rawHeaders.filter((name, i) => i % 2 === 0 && /^host$/i.test(name)).length;
  }
}

/** Undefined: more names than are kept have been seen, and this is not one of those kept. */
function fieldOf(name: string): Field | undefined {
  return fields.get(name) ?? remember(name);
}

function remember(name: string): Field | undefined {
  const lower = name.toLowerCase();
  const known = fields.get(lower);
  if (fields.size >= MAX_CACHED_NAMES) return known;
  const field = known ?? makeField(lower);
  fields.set(lower, field);
  fields.set(name, field);
  return field;
}

function makeField(lower: string): Field {
  return {
    meaning: Object.hasOwn(MEANINGS, lower) ? (MEANINGS[lower] as Meaning) : Meaning.Other,
    prefix: environPrefix(lower),
    seenIn: 0,
  };
}

// What counts must be known however many names have been seen.
for (const name of Object.keys(MEANINGS)) remember(name);
