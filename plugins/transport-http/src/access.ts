import type { ApiKey, FunctionHandle, KeyFile } from '@sledge/core';
import type { EnvironBuilder } from './environ';
import type { RequestHead } from './request-head';

const BEARER = /^Bearer +([^ ]+)$/i;
const KEY_HEADERS = ['HTTP_AUTHORIZATION=', 'HTTP_X_API_KEY='] as const;

/** Who has called: a key of the tenant's file, and how it was shown. */
export interface Caller {
  readonly key: ApiKey;
  readonly type: 'Bearer' | 'X-Api-Key';
}

/**
 * Who may call `fn`, from `X-Api-Key` or else `Authorization: Bearer`. Undefined: it needs no key.
 * @throws SledgeError SLEDGE_ERR_HTTP_KEY or _KEY_FUNCTION.
 */
export function callerOf(
  keys: KeyFile | undefined,
  fn: FunctionHandle,
  head: RequestHead,
): Caller | undefined {
  if (keys === undefined) return undefined;
  const { apiKey, authorization } = head;
  if (apiKey !== undefined) return { key: keys.check(apiKey, fn.name), type: 'X-Api-Key' };
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  return { key: keys.check(bearer, fn.name), type: 'Bearer' };
}

/** The name of the key for the function, as CGI has it, and never the key itself. */
export function showCaller({ key, type }: Caller, environ: EnvironBuilder): void {
  for (const prefix of KEY_HEADERS) environ.remove(prefix);
  environ.add('AUTH_TYPE', type);
  environ.add('REMOTE_USER', key.name);
}
