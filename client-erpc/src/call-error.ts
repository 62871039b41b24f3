import { ERROR_CATALOGUE } from '@sledge/core';
import type { ErrorCode } from '@sledge/core';
import type { ErpcAnswer } from './formats';

/** The server answered, and the function did not complete. */
export class ErpcCallError extends Error {
  /** As in gRPC's list of names. */
  readonly rpcStatus: string;

  constructor(
    readonly code: ErrorCode,
    readonly answer: ErpcAnswer,
  ) {
    const said = answer.output.toString('utf8', 0, 200);
    super(`${code}${said === '' || said === code ? '' : `: ${said}`}`);
    this.name = 'ErpcCallError';
    this.rpcStatus = ERROR_CATALOGUE[code].rpc;
  }
}
