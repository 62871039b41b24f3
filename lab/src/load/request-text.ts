/** What a class of requests sends. */
export interface HttpRequest {
  /** Default GET. */
  readonly method?: string;
  /** With query; `{n}` is replaced by the request's argument. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `{n}` in it is not replaced. */
  readonly body?: Uint8Array | string;
}

const PLACE = '{n}';

/**
 * The bytes of a request, before and after its argument. `after` is empty where there is none.
 * @throws RangeError when path, method or a header would break the request's lines
 */
export function requestText(request: HttpRequest, host: string): { before: Buffer; after: Buffer } {
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
  const rest = Buffer.concat([Buffer.from(` HTTP/1.1\r\n${head}`), bytes ?? Buffer.alloc(0)]);
  const first = Buffer.from(`${method} ${before}`);
  if (after === undefined) return { before: Buffer.concat([first, rest]), after: Buffer.alloc(0) };
  return { before: first, after: Buffer.concat([Buffer.from(after), rest]) };
}
