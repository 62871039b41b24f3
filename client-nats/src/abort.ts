import { SledgeError } from '@sledge/core';

/** @throws SledgeError SLEDGE_ERR_INVOKE_CANCELLED */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED');
}

/** The first of the work's end and the signal, which makes it SLEDGE_ERR_INVOKE_CANCELLED. */
export async function unlessAborted<Of>(
  work: Promise<Of>,
  signal: AbortSignal | undefined,
): Promise<Of> {
  if (signal === undefined) return work;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
