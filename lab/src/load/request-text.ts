/** What a class of requests sends. */
export interface HttpRequest {
  /** Default GET. */
  readonly method?: string;
  /** With query; `{n}` is replaced by the request's argument. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `{n}` in it is not replaced. */
  readonly body?: Uint8Array | string;
  /** The server is told of a relative deadline: the request's argument times this. */
  readonly deadlineUsPerArgument?: number;
}

/** In the order of sending; the argument's digits follow `before`, the deadline's `after`. */
export interface RequestParts {
  readonly before: Buffer;
  /** Empty where there is no argument. */
  readonly after: Buffer;
  /** Empty where no deadline is told. */
  readonly tail: Buffer;
}

const PLACE = '{n}';

const DEADLINE = Buffer.from('X-Sledge-Deadline-Us: ');
const EMPTY = Buffer.alloc(0);

/**
 * The bytes of a request around its argument.
 * @throws RangeError when path, method or a header would break the request's lines
 */
export function requestText(request: HttpRequest, host: string): RequestParts {
  const { method = 'GET', path, headers = {}, body } = request;
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const lines = Object.entries({
    Host: host,
    ...headers,
    ...(bytes === undefined ? {} : { 'Content-Length': String(bytes.length) }),
  });
  const head = `${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`;
  const target = path.startsWith('/') ? path : `/${path}`;
  const unclean = [method, target, ...lines.flat()].find((part) => /[\r\n]/.test(part));
  if (unclean !== undefined || /\s/.test(method + target)) {
    throw new RangeError('A method, path or header holds a blank or a line break.');
  }
  const [before = '', after] = target.split(PLACE, 2);
  const line = Buffer.from(' HTTP/1.1\r\n');
  const rest = Buffer.concat([Buffer.from(head), bytes ?? EMPTY]);
  const first = Buffer.from(`${method} ${before}`);
  if (after === undefined) {
    return { before: Buffer.concat([first, line, rest]), after: EMPTY, tail: EMPTY };
  }
  const second = Buffer.concat([Buffer.from(after), line]);
  if (request.deadlineUsPerArgument === undefined) {
    return { before: first, after: Buffer.concat([second, rest]), tail: EMPTY };
  }
  const tail = Buffer.concat([Buffer.from('\r\n'), rest]);
  return { before: first, after: Buffer.concat([second, DEADLINE]), tail };
}
