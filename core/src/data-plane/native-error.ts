import { ERROR_CATALOGUE, isErrorCode, type ErrorCode } from '../errors/catalogue';
import { reasonOf } from '../errors/reason';
import { type ErrorDetails, SledgeError } from '../errors/sledge-error';

/** What ENOMEM is called, and what glibc's loader makes of it. */
const NO_ROOM = /Cannot allocate memory|failed to map segment/;

/** The function's own matter, whatever file of the cache it was met in. */
const OF_FUNCTIONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SLEDGE_ERR_MODULE_ENTRY',
  'SLEDGE_ERR_MODULE_IMPORT',
  'SLEDGE_ERR_MODULE_INITIALISE',
  'SLEDGE_ERR_MODULE_MEMORY',
]);

const CODE_BY_NUMBER = new Map<number, ErrorCode>(
  Object.entries(ERROR_CATALOGUE).map(([code, row]) => [row.number, code as ErrorCode]),
);

/** The catalogue's code for a sledge_error number of the native part. */
export function codeOf(number: number): ErrorCode {
  return CODE_BY_NUMBER.get(number) ?? 'SLEDGE_ERR_INTERNAL';
}

/** The SledgeError for what the binding threw; its detail becomes the reason. */
export function nativeError(thrown: unknown, details: ErrorDetails): SledgeError {
  const reason = reasonOf(thrown);
  const code = knownCode((thrown as { code?: unknown }).code, reason);
  const { name } = details;
  return new SledgeError(code, {
    reason,
    import: reason,
    trap: reason,
    pages: reason,
    ...details,
    ...(name !== undefined && OF_FUNCTIONS.has(code) ? { path: name } : {}),
  });
}

/** A module that finds no room is not a wrong one, whichever part of the loader has noticed. */
function knownCode(code: unknown, reason: string): ErrorCode {
  if (code === 'SLEDGE_ERR_MODULE_LOAD' && NO_ROOM.test(reason)) return 'SLEDGE_ERR_MODULE_ROOM';
  return isErrorCode(code) ? code : 'SLEDGE_ERR_INTERNAL';
}
