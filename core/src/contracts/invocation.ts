import type { SledgeError } from '../errors/sledge-error';

/** How an invocation ended. Exactly one is delivered for each accepted invocation. */
export const OUTCOME_STATUSES = [
  'completed',
  'exited', // proc_exit(code != 0)
  'trapped',
  'timed-out',
  'output-limit',
  'cancelled',
  'dropped', // never started: draining, late, or no longer wanted
  'failed', // the runtime could not run it (no slot, worker lost)
] as const;

export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

/** An environ that the transport has joined already: one string to copy instead of many. */
export interface EnvironBlock {
  /** `count` entries "NAME=value", each with a NUL behind it. */
  readonly text: string;
  readonly count: number;
}

/** What a request is called, here and where it came from. */
export interface RequestIds {
  readonly requestId: string;
  /** 32 hexadecimal digits, as in W3C's Trace Context. */
  readonly traceId: string;
}

/** What a transport hands over. */
export interface InvocationRequest {
  /** argv[1..]; argv[0] is the function's name. */
  args: readonly string[];
  /** "NAME=value" strings without NUL, or all of them joined. */
  environ: readonly string[] | EnvironBlock;
  /**
   * How args and environ become bytes. 'latin1': one character is one byte, as HTTP delivers
   * them. Default 'utf8'.
   */
  encoding?: 'latin1' | 'utf8' | undefined;
  /** stdin; undefined is empty. Not changed or kept after the call returns. */
  input?: Uint8Array | undefined;
  /** Nobody changes `input` before the outcome: it may be kept until then. Default false. */
  inputStays?: boolean | undefined;
  /** Deadline relative to arrival; undefined: the function's own. Microseconds. */
  relativeDeadlineUs?: number | undefined;
  /** For log lines about it; undefined: it has none. */
  ids?: RequestIds | undefined;
  /** When its last byte was received, as `nowNs` of a plugin's clock; undefined: now. */
  arrivalNs?: number | undefined;
  /** How often it has been sent on from node to node. Default 0: it comes from a client. */
  hops?: number | undefined;
}

/** Where the time of an invocation went. Integer nanoseconds. */
export interface OutcomeTimes {
  queueNs: number;
  runNs: number;
  totalNs: number;
}

export interface Outcome {
  status: OutcomeStatus;
  /** proc_exit's code; 0 unless status is 'exited'. */
  exitCode: number;
  /** Name of the trap ('unreachable', ...); undefined unless status is 'trapped'. */
  trap?: string | undefined;
  /** stdout. The receiver owns it. */
  output: Uint8Array;
  times: OutcomeTimes;
  /** Number of the request in traces and logs; undefined: the data plane numbers none. */
  requestId?: number | undefined;
  /** The catalogue's error for every status but 'completed'. */
  error?: SledgeError | undefined;
}

export type OutcomeCallback = (outcome: Outcome) => void;

/** A function as transports see it: resolved, loaded, ready to be called. */
export interface FunctionHandle {
  readonly tenant: string;
  readonly name: string;
  readonly route: string | undefined;
  readonly requestType: number | undefined;
  readonly responseContentType: string;
  readonly responseFormat: 'raw' | 'cgi';
  readonly relativeDeadlineUs: number | undefined;
  readonly maxBodyBytes: number;
  /** HTTP methods it answers, upper case; undefined: GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[] | undefined;
  /** It is called without a key although its tenant has some. */
  readonly isOpen?: boolean | undefined;
}

/** Gives invocations to the data plane. The one way in, for every transport. Main thread. */
export interface Invoker {
  /**
   * Accepts the invocation or throws a SledgeError at once (queue full, draining). After an
   * accepted call `onOutcome` runs exactly once, later, on the main thread.
   * @returns an id for `cancel`.
   */
  invoke(fn: FunctionHandle, request: InvocationRequest, onOutcome: OutcomeCallback): number;
  /** The caller is gone: its outcome is still delivered, as 'cancelled' or as it really ended. */
  cancel(id: number): void;
  /** Invocations accepted and not yet ended. */
  readonly inFlight: number;
  /** A trace or log names requests: whoever calls should be told `Outcome.requestId`. */
  readonly isRecording?: boolean | undefined;
}
