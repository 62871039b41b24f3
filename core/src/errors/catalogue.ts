/** One row per error. `number` is what C++ returns; numbers are never reused. */
export interface ErrorRow {
  readonly number: number;
  /** Template: {name} is replaced from the error's details. */
  readonly message: string;
  readonly http: number;
  /** Status of an RPC reply, as in gRPC's list of names. */
  readonly rpc: string;
  readonly solve: string;
}

/* eslint-disable @typescript-eslint/naming-convention */
export const ERROR_CATALOGUE = {
  // config
  SLEDGE_ERR_CONFIG_NOT_FOUND: {
    number: 100, message: 'No configuration found at {path}.', http: 500, rpc: 'FAILED_PRECONDITION',
    solve: 'Give a file with -c, or create sledge.config.ts in this folder.',
  },
  SLEDGE_ERR_CONFIG_INVALID: {
    number: 101, message: 'The configuration {path} is wrong:\n{problems}', http: 400, rpc: 'INVALID_ARGUMENT',
    solve: 'Each line names a key, what was expected, and the nearest valid name.',
  },
  // functions under way
  SLEDGE_ERR_INVOKE_TRAPPED: {
    number: 300, message: 'The function trapped: {trap}.', http: 500, rpc: 'INTERNAL',
    solve: 'The function did something WebAssembly forbids; see the name of the trap.',
  },
  SLEDGE_ERR_INVOKE_EXITED: {
    number: 301, message: 'The function exited with code {exitCode}.', http: 502, rpc: 'ABORTED',
    solve: 'The function reported a failure of its own; see its log.',
  },
  SLEDGE_ERR_INVOKE_TIME_LIMIT: {
    number: 302, message: 'The function ran longer than {limitUs} us.', http: 504, rpc: 'DEADLINE_EXCEEDED',
    solve: 'Make it faster, or raise limits.wallTimeUs of the function.',
  },
  SLEDGE_ERR_INVOKE_QUEUE_FULL: {
    number: 303, message: 'Too many invocations are waiting.', http: 429, rpc: 'RESOURCE_EXHAUSTED',
    solve: 'Retry later; or raise queue.maxInvocations, or add workers.',
  },
  SLEDGE_ERR_INVOKE_DRAINING: {
    number: 304, message: 'The server is shutting down.', http: 503, rpc: 'UNAVAILABLE',
    solve: 'Retry at another server.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
