import { SledgeError } from '@sledge/core';

/** A day: more is a mistake, not a deadline. Microseconds. */
const MAX_DEADLINE_US = 86_400_000_000;

const GRPC_UNIT_US: Readonly<Record<string, number>> = {
  H: 3_600_000_000,
  M: 60_000_000,
  S: 1_000_000,
  m: 1_000,
  u: 1,
  n: 0.001,
};

/**
 * The deadline that a request asks for, in microseconds after its arrival. `x-sledge-deadline-us`
 * wins over `grpc-timeout` (1 to 8 digits and a unit: H, M, S, m, u, n).
 * @throws SledgeError SLEDGE_ERR_HTTP_DEADLINE
 */
export function parseDeadlineUs(
  deadlineUs: string | undefined,
  grpcTimeout: string | undefined,
): number | undefined {
  if (deadlineUs !== undefined) {
    return accept(/^[0-9]{1,12}$/.test(deadlineUs) ? Number(deadlineUs) : 0, deadlineUs);
  }
  if (grpcTimeout !== undefined) {
    const match = /^([0-9]{1,8})([HMSmun])$/.exec(grpcTimeout);
    const unitUs = GRPC_UNIT_US[match?.[2] ?? ''] ?? 0;
    return accept(Math.ceil(Number(match?.[1] ?? 0) * unitUs), grpcTimeout);
  }
  return undefined;
}

function accept(us: number, value: string): number {
  if (us >= 1 && us <= MAX_DEADLINE_US) return us;
  throw new SledgeError('SLEDGE_ERR_HTTP_DEADLINE', { value: value.slice(0, 40) });
}
