import type { MsgHdrs } from '@nats-io/transport-node';
import { ERROR_CATALOGUE, isErrorCode, type ErrorCode } from '@sledge/core';
import { HEADERS, parseLoad, type NodeLoad } from '@sledge/nats-connection';

/** What a node has answered. */
export interface NatsAnswer {
  readonly output: Buffer;
  /** Which node. */
  readonly node: string;
  /** How busy it was then. */
  readonly load: NodeLoad | undefined;
  readonly times: { readonly queueUs: number; readonly runUs: number };
  /** Of durable work: how often it was delivered. */
  readonly attempts: number | undefined;
}

/** A node answered, and the function did not complete. */
export class NatsCallError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly answer: NatsAnswer,
    /** Nothing has run at that node. */
    readonly mayTryNext: boolean,
  ) {
    super(`${code}${message === '' ? '' : `: ${message}`}`);
    this.name = 'NatsCallError';
  }

  /** As in gRPC's list of names. */
  get rpcStatus(): string {
    return ERROR_CATALOGUE[this.code].rpc;
  }
}

/** The answer, or what it says of a failure. */
export function readAnswer(data: Uint8Array, headers?: MsgHdrs): NatsAnswer | NatsCallError {
  const of = (name: string) => headers?.get(name) ?? '';
  const attempts = of(HEADERS.attempts);
  const answer: NatsAnswer = {
    output: Buffer.from(data),
    node: of(HEADERS.node),
    load: parseLoad(of(HEADERS.load)),
    times: { queueUs: Number(of(HEADERS.queueUs)), runUs: Number(of(HEADERS.runUs)) },
    attempts: attempts === '' ? undefined : Number(attempts),
  };
  const said = of(HEADERS.error);
  if (said === '') return answer;
  const code = isErrorCode(said) ? said : 'SLEDGE_ERR_INTERNAL';
  const mayTryNext = of(HEADERS.tryNext) !== '';
  return new NatsCallError(code, of(HEADERS.errorMessage), answer, mayTryNext);
}
