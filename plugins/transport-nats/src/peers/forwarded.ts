import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { HOPS_MAX, isErrorCode, OUTCOME_STATUSES, SledgeError, z } from '@sledge/core';
import type { ErrorCode, InvocationRequest, Outcome } from '@sledge/core';
import { HEADERS, isPeerSubject, PEER_HEADERS } from '@sledge/nats-connection';
import type { Answer } from '../answer';
import type { ReadRequest } from '../request';

const TEXT_MAX = 65_536;

const forwardedSchema = z.strictObject({
  hops: z.int().min(1).max(HOPS_MAX),
  args: z.array(z.string().max(TEXT_MAX)).max(65_536),
  environ: z.union([
    z.array(z.string().max(TEXT_MAX)).max(65_536),
    z.strictObject({ text: z.string().max(16 * TEXT_MAX), count: z.int().min(0).max(65_536) }),
  ]),
  encoding: z.enum(['latin1', 'utf8']),
  ids: z.strictObject({ requestId: z.string().max(256), traceId: z.string().max(64) }).optional(),
});

const outcomeSchema = z.strictObject({
  status: z.enum(OUTCOME_STATUSES),
  exitCode: z.int(),
  trap: z.string().optional(),
  totalNs: z.number().min(0),
  code: z.custom<ErrorCode>(isErrorCode).optional(),
  details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});

type Ended = Pick<Outcome, 'status' | 'exitCode' | 'trap' | 'error'> & { readonly totalNs: number };

/** What the client had given, for the peer that runs it: the function sees no difference. */
export function forwardedHeader(request: InvocationRequest): string {
  const { args, environ, encoding = 'utf8', hops = 1, ids } = request;
  const names = ids && { requestId: ids.requestId, traceId: ids.traceId };
  return pack({ hops, args, environ, encoding, ids: names });
}

function isForwarded({ subject, headers }: Msg): boolean {
  return isPeerSubject(subject) && headers?.has(PEER_HEADERS.forwarded) === true;
}

/**
 * The request as its first node had it, if a peer sent it on.
 * @throws SledgeError SLEDGE_ERR_NATS_REQUEST
 */
export function asForwarded(read: ReadRequest, message: Msg): ReadRequest {
  if (!isForwarded(message)) return read;
  const given = unpack(message.headers, PEER_HEADERS.forwarded);
  const parsed = forwardedSchema.safeParse(given);
  if (!parsed.success) {
    const reason = `${PEER_HEADERS.forwarded} is not what a node sends`;
    throw new SledgeError('SLEDGE_ERR_NATS_REQUEST', { reason });
  }
  const { ids = read.ids, ...rest } = parsed.data;
  return { invocation: { ...read.invocation, ...rest, ids }, ids };
}

/** The answer with all that is known of the outcome, if a peer asked. */
export function withOutcome(answer: Answer, outcome: Outcome, message: Msg): Answer {
  if (!isForwarded(message)) return answer;
  const { exitCode, trap, error, times } = outcome;
  const { code = answer.headers.get(HEADERS.error) || undefined, details } = error ?? {};
  // what is too long for an answer has completed there, and is lost on the way
  const status = outcome.status === 'completed' && code !== undefined ? 'failed' : outcome.status;
  const ended = { status, exitCode, trap, totalNs: times.totalNs, code, details };
  answer.headers.set(PEER_HEADERS.outcome, pack(ended));
  return answer;
}

/** How a request ended at a peer; undefined: it says nothing, or what no node says. */
export function outcomeOf(head: MsgHdrs | undefined): Ended | undefined {
  const parsed = outcomeSchema.safeParse(unpack(head, PEER_HEADERS.outcome));
  if (!parsed.success) return undefined;
  const { status, exitCode, trap, totalNs, code, details } = parsed.data;
  const error = code === undefined ? undefined : new SledgeError(code, details);
  if (error !== undefined) error.message = head?.get(HEADERS.errorMessage) || error.message;
  return { status, exitCode, trap, totalNs, error };
}

function pack(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

function unpack(head: MsgHdrs | undefined, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(head?.get(name) ?? '', 'base64').toString());
  } catch {
    return undefined;
  }
}
