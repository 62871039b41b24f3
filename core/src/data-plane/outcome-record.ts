import { OUTCOME_STATUSES } from '../contracts/invocation';
import type { Outcome, OutcomeStatus, OutcomeTimes } from '../contracts/invocation';
import { SledgeError } from '../errors/sledge-error';
import { codeOf } from './native-error';

/** By number, as the native part has them. */
export const STATUSES = OUTCOME_STATUSES;

/** Numbers of statuses as the native part writes them. */
const COMPLETED = 0;
const EXITED = 1;
const TRAPPED = 2;

const STACK_OVERFLOW = 'stack overflow';

/** By sledge_trap. */
const TRAPS: readonly string[] = [
  'none',
  'unreachable',
  'memory out of bounds',
  'table out of bounds',
  'integer divide by zero',
  'integer overflow',
  'invalid conversion to integer',
  'undefined element',
  'uninitialized element',
  'indirect call type mismatch',
  STACK_OVERFLOW,
];

/** What the detail of a status means, in a word: exit code, trap, or error code. */
export function detailText(status: number, detail: number): string {
  if (status === COMPLETED) return '';
  if (status === EXITED) return String(detail);
  if (status === TRAPPED) return TRAPS[detail] ?? 'unknown';
  return detail === 0 ? '' : codeOf(detail);
}

/** What an outcome's error message may need of the function. */
export interface OutcomeLimits {
  readonly wallTimeUs: number;
  readonly cpuTimeUs: number;
  readonly outputBytes: number;
}

/** One outcome record; everything that most receivers never look at is made when asked for. */
export class RecordedOutcome implements Outcome {
  private knownError: SledgeError | undefined;

  constructor(
    private readonly statusNumber: number,
    private readonly detail: number,
    readonly output: Buffer,
    private readonly queueNs: number,
    private readonly runNs: number,
    private readonly totalNs: number,
    private readonly limits: OutcomeLimits,
    readonly requestId: number,
  ) {}

  get status(): OutcomeStatus {
    return STATUSES[this.statusNumber] as OutcomeStatus;
  }

  get exitCode(): number {
    return this.statusNumber === EXITED ? this.detail : 0;
  }

  get trap(): string | undefined {
    return this.statusNumber === TRAPPED ? (TRAPS[this.detail] ?? 'unknown') : undefined;
  }

  get times(): OutcomeTimes {
    return { queueNs: this.queueNs, runNs: this.runNs, totalNs: this.totalNs };
  }

  get error(): SledgeError | undefined {
    if (this.statusNumber === 0) return undefined;
    this.knownError ??= this.makeError();
    return this.knownError;
  }

  private timeError(): SledgeError {
    const code = this.detail === 0 ? 'SLEDGE_ERR_INVOKE_TIME_LIMIT' : codeOf(this.detail);
    const { wallTimeUs, cpuTimeUs } = this.limits;
    const limitUs = code === 'SLEDGE_ERR_INVOKE_CPU_LIMIT' ? cpuTimeUs : wallTimeUs;
    return new SledgeError(code, code === 'SLEDGE_ERR_INVOKE_DEADLINE' ? {} : { limitUs });
  }

  private makeError(): SledgeError {
    const { limits, exitCode } = this;
    switch (this.status) {
      case 'exited':
        return new SledgeError('SLEDGE_ERR_INVOKE_EXITED', { exitCode });
      case 'trapped':
        return this.trap === STACK_OVERFLOW
          ? new SledgeError('SLEDGE_ERR_INVOKE_STACK_LIMIT')
          : new SledgeError('SLEDGE_ERR_INVOKE_TRAPPED', { trap: this.trap as string });
      case 'timed-out':
        return this.timeError();
      case 'output-limit':
        return new SledgeError('SLEDGE_ERR_INVOKE_OUTPUT_LIMIT', {
          limitBytes: limits.outputBytes,
        });
      default:
        return new SledgeError(codeOf(this.detail), { reason: `status ${this.status}` });
    }
  }
}
