import { SledgeError } from '@sledge/core';

const MAX_HEAD_BYTES = 16_384;
const MAX_HEADERS = 64;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Ours to say, or the connection's: a function that sets one could break the framing. */
const REFUSED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const ONCE = new Set(['status', 'content-type', 'content-length', 'location']);

/** What a function with `responseFormat: 'cgi'` answered (RFC 3875, section 6). */
export interface CgiResponse {
  readonly status: number;
  /** Header names and values, alternating; no Content-Length. */
  readonly headers: string[];
  readonly hasContentType: boolean;
  /** A part of `output`. */
  readonly body: Buffer;
}

/** @throws SledgeError SLEDGE_ERR_HTTP_CGI_RESPONSE */
export function parseCgiResponse(output: Buffer, isHead: boolean): CgiResponse {
  const { lines, body } = splitHead(output);
  const headers: string[] = [];
  const seen = new Map<string, string>();
  for (const line of lines) {
    const [name, value] = parseLine(line);
    const key = name.toLowerCase();
    if (REFUSED.has(key)) throw wrong(`the header ${name} is not the function's to set`);
    if (ONCE.has(key) && seen.has(key)) throw wrong(`the header ${name} is there twice`);
    seen.set(key, value);
    if (key !== 'status' && key !== 'content-length') headers.push(name, value);
  }
  if (seen.size === 0) throw wrong('it has no header');
  const length = seen.get('content-length');
  if (length !== undefined && !isHead && length !== String(body.length)) {
    throw wrong(`Content-Length is ${length}, the body has ${body.length} bytes`);
  }
  const status = parseStatus(seen.get('status'), seen.has('location'));
  return { status, headers, hasContentType: seen.has('content-type'), body };
}

function splitHead(output: Buffer): { lines: string[]; body: Buffer } {
  const lines: string[] = [];
  let start = 0;
  while (start <= MAX_HEAD_BYTES) {
    const end = output.indexOf(10, start);
    if (end < 0) throw wrong('there is no empty line behind the headers');
    if (end > MAX_HEAD_BYTES) break;
    const lineEnd = end > start && output[end - 1] === 13 ? end - 1 : end;
    if (lineEnd === start) return { lines, body: output.subarray(end + 1) };
    if (lines.length === MAX_HEADERS) throw wrong(`it has more than ${MAX_HEADERS} headers`);
    lines.push(output.toString('latin1', start, lineEnd));
    start = end + 1;
  }
  throw wrong(`its head is longer than ${MAX_HEAD_BYTES} bytes`);
}

function parseLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  if (colon < 1 || !TOKEN.test(name)) throw wrong('a line is not "Name: value"');
  const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '');
  if (!VALUE.test(value)) throw wrong(`the value of ${name} has a control character`);
  return [name, value];
}

function parseStatus(value: string | undefined, hasLocation: boolean): number {
  if (value === undefined) return hasLocation ? 302 : 200;
  const status = /^([2-5][0-9]{2})( .*)?$/.exec(value)?.[1];
  if (status === undefined) throw wrong(`the status ${value.slice(0, 40)} is not valid`);
  return Number(status);
}

function wrong(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_HTTP_CGI_RESPONSE', { reason });
}
