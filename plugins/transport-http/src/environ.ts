import { isIPv6 } from 'node:net';
import { SledgeError } from '@sledge/core';

/**
 * Not for functions: connection control, what has a name of its own in RFC 3875, and `Proxy`,
 * which as HTTP_PROXY would redirect the function's own HTTP client ("httpoxy").
 */
const WITHHELD = new Set([
  'connection',
  'content-length',
  'content-type',
  'keep-alive',
  'proxy',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  // said by request-ids.ts
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
]);

/** Entries that every request to a listener has. */
export function listenerEnviron(host: string, port: number, isSecure: boolean): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return (
    'GATEWAY_INTERFACE=CGI/1.1\0SERVER_SOFTWARE=Sledge\0' +
    `SERVER_NAME=${name}\0SERVER_PORT=${port}\0REQUEST_SCHEME=${isSecure ? 'https' : 'http'}\0`
  );
}

export const LISTENER_ENTRIES = 5;

/** Entries that every request of a connection has. */
export function connectionEnviron(address: string, port: number): string {
  return `REMOTE_ADDR=${address}\0REMOTE_PORT=${port}\0`;
}

export const CONNECTION_ENTRIES = 2;

/** Joins environ entries; one string is far cheaper to hand over than many. */
export class EnvironBuilder {
  text: string;
  count: number;

  constructor(text: string, count: number) {
    this.text = text;
    this.count = count;
  }

  add(name: string, value: string): void {
    this.text += `${name}=${value}\0`;
    this.count += 1;
  }

  /** @param prefix "NAME=" of an entry that is there once at most. */
  remove(prefix: string): void {
    const behind = this.text.indexOf(`\0${prefix}`);
    if (behind < 0) return;
    const end = this.text.indexOf('\0', behind + 1);
    this.text = this.text.slice(0, behind) + this.text.slice(end);
    this.count -= 1;
  }
}

/** "HTTP_X_Y=" for "x-y"; '' for a header that functions do not see. */
export function environPrefix(header: string): string {
  if (header === 'content-type') return 'CONTENT_TYPE=';
  // An underscore would let "x_y" pass for "x-y".
  if (WITHHELD.has(header) || !/^[a-z0-9-]+$/.test(header)) return '';
  return `HTTP_${header.toUpperCase().replaceAll('-', '_')}=`;
}

/**
 * PATH_INFO: what follows the route, percent-decoded to bytes (one character each).
 * @throws SledgeError SLEDGE_ERR_HTTP_BAD_REQUEST for a wrong escape or a control character.
 */
export function decodePathInfo(raw: string): string {
  if (!raw.includes('%')) return raw;
  if (/%(?![0-9a-fA-F]{2})/.test(raw)) throw badRequest('a wrong % escape in the path');
  const text = raw.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\x00-\x1f\x7f]/.test(text)) throw badRequest('a control character in the path');
  return text;
}

export function badRequest(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_HTTP_BAD_REQUEST', { reason });
}
