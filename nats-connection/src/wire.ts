/** What is said over NATS, and where; docs/reference/nats.md describes it for others. */

/** Header names. NATS compares them with their case. */
export const HEADERS = {
  /** Of a request: microseconds from its arrival to its answer. */
  deadlineUs: 'Sledge-Deadline-Us',
  /** Of a request, repeated: argv[1] and on. */
  arg: 'Sledge-Arg',
  /** Of a request: how all its arguments are written; absent: as they are. */
  argEncoding: 'Sledge-Arg-Encoding',
  /** Of a request: by this name its caller can take it back while it is under way. */
  cancelId: 'Sledge-Cancel-Id',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  /** Of answers and results: the node that gave it, and how busy it is. */
  node: 'Sledge-Node',
  load: 'Sledge-Load',
  queueUs: 'Sledge-Queue-Us',
  runUs: 'Sledge-Run-Us',
  /** Of a failure: the code of the catalogue, and as NATS services say it (ADR-32). */
  error: 'Sledge-Error',
  errorMessage: 'Nats-Service-Error',
  errorStatus: 'Nats-Service-Error-Code',
  /** Of a failure: nothing has run here, and another node may have time. */
  tryNext: 'Sledge-Try-Next',
  /** Of durable work: its id, which makes it one, and how often it was delivered. */
  id: 'Nats-Msg-Id',
  attempts: 'Sledge-Attempts',
  function: 'Sledge-Function',
  /** Of a dead letter that NATS would not take whole: how long it was. */
  cutBytes: 'Sledge-Cut-Bytes',
} as const;

/** The value of `argEncoding`: percent-encoded as in URLs. */
export const PERCENT = 'percent';
/** Members of one of them answer a request. */
export const QUEUE_GROUP = 'sledge';
/** The durable consumer that all nodes share. */
export const WORK_CONSUMER = 'sledge';
const ID_BYTES_MAX = 128;

/** A name as one token of a subject, and as part of a stream's name. */
export function tokenOf(name: string): string {
  return encodeURIComponent(name).replace(/[.*]/g, (mark) => `%${hexOf(mark)}`);
}

const hexOf = (mark: string): string => mark.charCodeAt(0).toString(16).toUpperCase();

export function nameOf(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** The id of durable work as a token; undefined: it is none. */
export function idToken(id: string): string | undefined {
  if (/\p{Surrogate}/u.test(id)) return undefined;
  const token = tokenOf(id).replace(/[!~'()]/g, (mark) => `%${hexOf(mark)}`);
  return token === '' || token.length > ID_BYTES_MAX ? undefined : token;
}

/** The same of an id as a message has it: a token, or what a client has not made one. */
export function idTokenOfHeader(given: string): string | undefined {
  return idToken(nameOf(given));
}

export interface FunctionAddress {
  readonly tenant: string;
  readonly fn: string;
}

export const SUBJECTS = {
  /** Any node that has the function; with `node`, that one. */
  invoke: ({ tenant, fn }: FunctionAddress, node?: string): string => {
    const any = `sledge.invoke.${tokenOf(tenant)}.${tokenOf(fn)}`;
    return node === undefined ? any : `${any}.${tokenOf(node)}`;
  },
  /** Every function of a tenant at one node, for a subscription. */
  invokeAt: (tenant: string, node: string): string =>
    `sledge.invoke.${tokenOf(tenant)}.*.${tokenOf(node)}`,
  /** What is said there is the `cancelId` of a request that nobody waits for any more. */
  cancel: (tenant: string): string => `sledge.cancel.${tokenOf(tenant)}`,
  submit: ({ tenant, fn }: FunctionAddress): string =>
    `sledge.submit.${tokenOf(tenant)}.${tokenOf(fn)}`,
  /** What a node says when durable work is done; only its stream listens. */
  outcome: (tenant: string, id: string): string => `sledge.outcome.${tokenOf(tenant)}.${id}`,
  /** The same, from the stream, once for each id. */
  result: (tenant: string, id: string): string => `sledge.result.${tokenOf(tenant)}.${id}`,
  dead: ({ tenant, fn }: FunctionAddress): string =>
    `sledge.dead.${tokenOf(tenant)}.${tokenOf(fn)}`,
} as const;

export const STREAMS = {
  work: (tenant: string): string => `SLEDGE_WORK_${tokenOf(tenant)}`,
  results: (tenant: string): string => `SLEDGE_RESULTS_${tokenOf(tenant)}`,
  dead: (tenant: string): string => `SLEDGE_DEAD_${tokenOf(tenant)}`,
} as const;

/** How busy a node is, as each of its answers says it. */
export interface NodeLoad {
  /** Expected until a request that came now would start. */
  readonly waitUs: number;
  /** Accepted and not ended. */
  readonly inFlight: number;
  readonly workers: number;
}

export function formatLoad({ waitUs, inFlight, workers }: NodeLoad): string {
  return `wait_us=${Math.round(waitUs)};in_flight=${inFlight};workers=${workers}`;
}

export function parseLoad(text: string): NodeLoad | undefined {
  const match = /^wait_us=(\d{1,15});in_flight=(\d{1,9});workers=(\d{1,6})$/.exec(text);
  if (match === null) return undefined;
  const [waitUs = 0, inFlight = 0, workers = 0] = match.slice(1).map(Number);
  return { waitUs, inFlight, workers };
}
