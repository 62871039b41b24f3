import type { ErrorCode } from '../errors/catalogue';
import { SledgeError } from '../errors/sledge-error';
import { codeOf } from './native-error';

/** Refusals that say when another try is worth it. */
const SAY_WHEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SLEDGE_ERR_INVOKE_NOT_ADMITTED',
  'SLEDGE_ERR_INVOKE_TENANT_RATE',
  'SLEDGE_ERR_INVOKE_TENANT_CPU',
]);

/**
 * Why a submission was refused, by its number. Without a stack: it would say nothing, and with too
 * much to do it costs more than all the rest.
 */
export function submitError(number: number, retryAfterNs: () => number): SledgeError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return errorOf(codeOf(number), retryAfterNs);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function errorOf(code: ErrorCode, retryAfterNs: () => number): SledgeError {
  if (SAY_WHEN.has(code)) {
    const retryAfterUs = Math.ceil(retryAfterNs() / 1000);
    const hint = retryAfterUs === 0 ? '' : `; retry after ${retryAfterUs} us`;
    return new SledgeError(code, { hint, retryAfterUs });
  }
  if (code !== 'SLEDGE_ERR_NATIVE_ARGUMENT') return new SledgeError(code);
  return new SledgeError(code, { reason: 'an argument or a variable holds a NUL' });
}
