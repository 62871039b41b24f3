import { STATUS_CODES } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { Outcome, RequestIds, SledgeError } from '@sledge/core';

const CLIENT_CLOSED = 499;
const processTag = randomBytes(6).toString('hex');
const constantParts = new Map<string, string>();
let problems = 0;

/** An error as HTTP tells it: RFC 9457 problem details. */
export interface Problem {
  readonly status: number;
  readonly body: Buffer;
  /** Names this occurrence, in the answer and in the log. */
  readonly instance: string;
  /** Header names and values, alternating. */
  readonly headers: string[];
  /** Undefined: the request was too broken to have any. */
  readonly ids: RequestIds | undefined;
}

/** @param outcome Present when the invocation ran: gives the trap's name or the exit code. */
export function makeProblem(error: SledgeError, outcome?: Outcome, ids?: RequestIds): Problem {
  // 499 is a log convention for a client that left; one that still reads must not see it.
  const status = error.httpStatus === CLIENT_CLOSED ? 503 : error.httpStatus;
  problems += 1;
  const instance = `urn:sledge:request:${processTag}-${problems}`;
  const body = Buffer.from(
    `${constantPart(error, status)},"detail":${JSON.stringify(error.message)}` +
      `,"instance":"${instance}"${idsPart(ids)}${endingPart(outcome)}}`,
  );
  const headers = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
  ];
  if (status === 401) headers.push('WWW-Authenticate', 'Bearer realm="sledge"');
  if (status === 429 || status === 503) headers.push('Retry-After', retryAfterSeconds(error));
  return { status, body, instance, headers, ids };
}

/** Whole seconds are all that the header knows; the detail says it precisely. */
function retryAfterSeconds(error: SledgeError): string {
  const { retryAfterUs = 0 } = error.details;
  return String(Math.max(1, Math.ceil(Number(retryAfterUs) / 1_000_000)));
}

/** Refusing has to stay cheap when the server has too much to do. */
function constantPart(error: SledgeError, status: number): string {
  const known = constantParts.get(error.code);
  if (known !== undefined) return known;
  const { code, solve } = error;
  const title = STATUS_CODES[status] ?? 'Error';
  const members = { type: `urn:sledge:error:${code}`, title, status, code, solve };
  const part = JSON.stringify(members).slice(0, -1);
  constantParts.set(code, part);
  return part;
}

/** Both are of characters that JSON takes as they are. */
function idsPart(ids: RequestIds | undefined): string {
  if (ids === undefined) return '';
  return `,"requestId":"${ids.requestId}","traceId":"${ids.traceId}"`;
}

function endingPart(outcome: Outcome | undefined): string {
  if (outcome?.status === 'trapped') return `,"trap":${JSON.stringify(outcome.trap)}`;
  return outcome?.status === 'exited' ? `,"exitCode":${outcome.exitCode}` : '';
}

/** The whole answer as bytes, for a request so broken that it has no response object. */
export function rawAnswer(problem: Problem): Buffer {
  const lines = [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`];
  for (let i = 0; i < problem.headers.length; i += 2) {
    lines.push(`${problem.headers[i]}: ${problem.headers[i + 1]}`);
  }
  lines.push(`Date: ${new Date().toUTCString()}`, 'Connection: close', '', '');
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), problem.body]);
}
