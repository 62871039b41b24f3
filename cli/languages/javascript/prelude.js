// What a function finds before its own code: console, Request, Response and their kin. QuickJS has
// the language only. Evaluated once, when the function is built.
'use strict';

{
  const native = globalThis.__sledge;
  delete globalThis.__sledge;

  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

  // --- console, to the function's log

  /** Of the bundle; `sledge build` says where they come from, before the bundle is evaluated. */
  let lines = { name: '', sources: [], runs: [] };
  define('__sledge_lines', (given) => {
    delete globalThis.__sledge_lines;
    lines = given;
  });
  /** A place in the bundle as one of its source; see BundleLines for the runs. */
  const placeOf = (line) => {
    const { sources, runs } = lines;
    let [from, to] = [0, runs.length / 3];
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if (runs[3 * middle] <= line) from = middle;
      else to = middle;
    }
    const [first, source = -1, firstOfSource] = runs.slice(3 * from, 3 * from + 3);
    return source < 0 ? undefined : `${sources[source]}:${firstOfSource + line - first}`;
  };
  const stackText = (stack) =>
    stack
      .replace(/\n.*\(sledge:\w+(:\d+)?\)/g, '')
      .replace(/\(([^()\n]+):(\d+)\)$/gm, (whole, name, line) => {
        const place = name === lines.name ? placeOf(Number(line)) : undefined;
        return place === undefined ? whole : `(${place})`;
      });
  const errorText = (error) => `${error}\n${stackText(String(error.stack ?? ''))}`.trimEnd();
  const shown = (value) => {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return errorText(value);
    if (typeof value !== 'object' || value === null) return String(value);
    try {
      return JSON.stringify(value);
    } catch {
      return String(value);
    }
  };
  const log = (...values) => native.write(2, `${values.map(shown).join(' ')}\n`);
  define('console', { log, info: log, warn: log, error: log, debug: log, trace: log });

  // --- bytes, text and chance

  const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
  const range = (value) =>
    value instanceof ArrayBuffer
      ? [value, 0, value.byteLength]
      : [value.buffer, value.byteOffset, value.byteLength];

  define(
    'TextEncoder',
    class TextEncoder {
      get encoding() {
        return 'utf-8';
      }
      encode(text = '') {
        return new Uint8Array(native.encode(String(text)));
      }
    },
  );
  define(
    'TextDecoder',
    class TextDecoder {
      constructor(label = 'utf-8') {
        if (!/^utf-?8$/i.test(label)) throw new RangeError(`no decoder for ${label}`);
      }
      get encoding() {
        return 'utf-8';
      }
      decode(bytes = new ArrayBuffer(0)) {
        return native.decode(...range(bytes));
      }
    },
  );
  Object.defineProperty(Math, 'random', { value: native.random, writable: true });
  define('crypto', {
    getRandomValues(array) {
      native.fill(...range(array));
      return array;
    },
  });

  // --- what a request and an answer are made of

  const decodeQuery = (text) => {
    try {
      return decodeURIComponent(text.replace(/\+/g, ' '));
    } catch {
      return text;
    }
  };

  class URLSearchParams {
    #pairs;
    constructor(init = '') {
      const text = String(init).replace(/^\?/, '');
      const parts = text.split('&').filter((part) => part !== '');
      this.#pairs = parts.map((part) => {
        const at = part.indexOf('=');
        const name = at < 0 ? part : part.slice(0, at);
        return [decodeQuery(name), at < 0 ? '' : decodeQuery(part.slice(at + 1))];
      });
    }
    get(name) {
      return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
    }
    has(name) {
      return this.get(name) !== null;
    }
    entries() {
      return this.#pairs.map(([name, value]) => [name, value])[Symbol.iterator]();
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return this.#pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
    }
  }
  define('URLSearchParams', URLSearchParams);

  class Headers {
    #values = new Map();
    constructor(init = {}) {
      const entries = Symbol.iterator in init ? init : Object.entries(init);
      for (const [name, value] of entries) this.append(name, value);
    }
    get(name) {
      return this.#values.get(String(name).toLowerCase())?.join(', ') ?? null;
    }
    has(name) {
      return this.#values.has(String(name).toLowerCase());
    }
    set(name, value) {
      this.#values.set(String(name).toLowerCase(), [String(value)]);
    }
    append(name, value) {
      const key = String(name).toLowerCase();
      const before = this.#values.get(key) ?? [];
      this.#values.set(key, [...before, String(value)]);
    }
    delete(name) {
      this.#values.delete(String(name).toLowerCase());
    }
    *entries() {
      for (const [name, values] of this.#values) for (const value of values) yield [name, value];
    }
    [Symbol.iterator]() {
      return this.entries();
    }
  }
  define('Headers', Headers);

  /** Everything is read when it is first asked for: most functions need little of it. */
  class Request {
    #args;
    #env;
    #headers;
    #query;
    #input;
    get args() {
      return (this.#args ??= native.args().slice(1));
    }
    get env() {
      return (this.#env ??= Object.fromEntries(
        native.environ().map((entry) => {
          const at = entry.indexOf('=');
          return [entry.slice(0, at), entry.slice(at + 1)];
        }),
      ));
    }
    get method() {
      return this.env.REQUEST_METHOD ?? 'GET';
    }
    get path() {
      return `${this.env.SCRIPT_NAME ?? ''}${this.env.PATH_INFO ?? ''}` || '/';
    }
    get query() {
      return (this.#query ??= new URLSearchParams(this.env.QUERY_STRING ?? ''));
    }
    get headers() {
      if (this.#headers !== undefined) return this.#headers;
      this.#headers = new Headers();
      for (const [name, value] of Object.entries(this.env)) {
        const known = /^(?:HTTP_(.+)|(CONTENT_TYPE|CONTENT_LENGTH))$/.exec(name);
        if (known !== null) this.#headers.set((known[1] ?? known[2]).replace(/_/g, '-'), value);
      }
      return this.#headers;
    }
    bytes() {
      return new Uint8Array((this.#input ??= native.input()));
    }
    text() {
      const bytes = this.bytes();
      return native.decode(bytes.buffer, 0, bytes.length);
    }
    json() {
      return JSON.parse(this.text());
    }
  }
  define('Request', Request);

  class Response {
    constructor(body = null, { status = 200, headers = {} } = {}) {
      if (!Number.isInteger(status) || status < 200 || status > 599) {
        throw new RangeError(`${status} is no status from 200 to 599`);
      }
      this.body = body;
      this.status = status;
      this.headers = new Headers(headers);
    }
    static json(value, init = {}) {
      const answer = new Response(JSON.stringify(value), init);
      if (!answer.headers.has('content-type')) {
        answer.headers.set('content-type', 'application/json');
      }
      return answer;
    }
  }
  define('Response', Response);

  // --- one request

  const responseOf = (value) => {
    if (value instanceof Response) return value;
    if (value === undefined || value === null) return new Response(null, { status: 204 });
    if (typeof value === 'string' || isBytes(value)) return new Response(value);
    return Response.json(value);
  };

  const headOf = ({ status, headers, body }) => {
    if (!headers.has('content-type') && body !== null) {
      const type = isBytes(body) ? 'application/octet-stream' : 'text/plain; charset=utf-8';
      headers.set('content-type', type);
    }
    let head = `Status: ${status}\r\n`;
    for (const [name, value] of headers) {
      if (/[\r\n\0]/.test(name + value)) throw new TypeError(`a line break in header ${name}`);
      head += `${name}: ${value}\r\n`;
    }
    return `${head}\r\n`;
  };

  const send = (request, value) => {
    const response = responseOf(value);
    const hasHead = request.env.SLEDGE_RESPONSE_FORMAT === 'cgi';
    const head = hasHead ? headOf(response) : '';
    const { body } = response;
    if (isBytes(body)) {
      if (head !== '') native.write(1, head);
      native.writeBytes(...range(body), 1);
    } else {
      native.write(1, head + (body === null ? '' : String(body)));
    }
    native.answered();
    if (!hasHead && response.status >= 400) {
      log(`status ${response.status} is an exit code 1 without responseFormat: 'cgi'`);
      native.exit(1);
    }
  };

  const fail = (error) => {
    log(error);
    native.exit(1);
  };

  /** Run last, when the function's own code has said what it exports. */
  define('__sledge_seal', () => {
    const { default: fallback, handler = fallback } = globalThis.__sledge_function ?? {};
    delete globalThis.__sledge_seal;
    if (typeof handler !== 'function') {
      throw new TypeError('it exports no function: `export default function (request) {}`');
    }
    define('__sledge_handle', () => {
      try {
        const request = new Request();
        const result = handler(request);
        if (typeof result?.then !== 'function') return send(request, result);
        result.then((value) => send(request, value)).then(undefined, fail);
      } catch (error) {
        fail(error);
      }
    });
  });
}
