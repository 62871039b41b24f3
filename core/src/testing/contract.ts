import type { PolicyClaims } from '../policies/define-policy';
import { ambientFrame, type TestFrame } from './frame';
import { replayLog, runTrial, type PolicyPair, type PolicyUnderTest } from './trial';
import type { TrialOptions } from './trial';

export type { TestFrame } from './frame';

export interface ContractOptions {
  /** The policy of the other kind. */
  readonly beside: PolicyUnderTest;
  /** Default: what the plugin itself claims. */
  readonly claims?: PolicyClaims;
  /** The same policy in other forms: they must decide the same, one by one. */
  readonly forms?: readonly PolicyUnderTest[];
  /** Of each run. Default 2,000. */
  readonly requests?: number;
  /** Default: jest's. */
  readonly frame?: TestFrame;
}

const LOADS = [0.5, 0.95, 1.3];
const WORKERS = [1, 4];
/** A hang, not a figure: a decision takes microseconds. */
const MS_PER_REQUEST_MAX = 20;

/**
 * The tests that any dispatcher or scheduler must pass, against itself: random loads with
 * preemptions, cancels, waiting and full queues, in virtual time. Call it where tests are declared.
 * - Each request that came in ends exactly once, below and above saturation.
 * - The same seed gives the same decisions.
 * - A run ends; it is bounded by 20 ms a request.
 * - What the plugin claims: work conservation, order within a type, order of deadlines.
 * - Every other form decides the same over a recorded log.
 */
export function policyContract(subject: PolicyUnderTest, options: ContractOptions): void {
  const frame = options.frame ?? ambientFrame();
  const { name } = subject.plugin;
  const contract = new Contract(subject, options);
  frame.describe(`${name} ${JSON.stringify(subject.options ?? {})} keeps the contract`, () => {
    for (const load of LOADS) {
      frame.test(`loses and doubles nothing at ${load} of capacity`, () => contract.keeps(load));
    }
    frame.test('decides the same from the same seed', () => contract.repeats());
    for (const [title, run] of contract.claimed()) frame.test(title, run);
    for (const form of options.forms ?? []) {
      frame.test(`decides as ${form.plugin.name}`, () => contract.equals(form));
    }
  });
}

class Contract {
  readonly #requests: number;

  constructor(
    private readonly subject: PolicyUnderTest,
    private readonly options: ContractOptions,
  ) {
    this.#requests = options.requests ?? 2000;
  }

  keeps(load: number): void {
    for (const workers of WORKERS) this.run({ load, workers });
  }

  repeats(): void {
    const [one, other] = [0, 1].map(() => this.run({ isRecorded: true, seed: 7 }).log);
    const isSame = one?.length === other?.length && one?.every((word, at) => word === other?.[at]);
    if (isSame !== true) throw new Error('two runs of one seed decided differently');
  }

  claimed(): [string, () => void][] {
    const claims = this.options.claims ?? this.subject.plugin.claims ?? {};
    const tests: [string, () => void][] = [];
    if (claims.isWorkConserving === true) {
      tests.push([
        'lets no worker idle beside work that it holds',
        () => void this.run({ isWorkConserving: true }),
      ]);
    }
    if (claims.isFifoWithinType === true) {
      tests.push([
        'starts requests of a type in order of arrival',
        () => void this.run({ isFifoWithinType: true, withInterruptions: false }),
      ]);
    }
    if (claims.ordersByDeadline === true) {
      tests.push([
        'starts requests of a worker in order of deadline',
        () => void this.run({ ordersByDeadline: true, workers: 1 }),
      ]);
    }
    return tests;
  }

  equals(form: PolicyUnderTest): void {
    const { log } = this.run({ isRecorded: true, load: 0.95 });
    const replayed = replayLog(this.pair(form), log, this.trial({ isRecorded: true, load: 0.95 }));
    const problem = replayed.failure || replayed.difference;
    if (problem !== '') throw new Error(problem);
  }

  private run(options: TrialOptions) {
    const begun = performance.now();
    const trial = runTrial(this.pair(this.subject), this.trial(options));
    const ms = performance.now() - begun;
    const { failure, violation, left, finished, refused, removed } = trial;
    const ended = finished + refused + removed;
    if (failure !== '') throw new Error(failure);
    if (violation !== '') throw new Error(violation);
    if (left !== 0) throw new Error(`${left} requests have never ended`);
    if (ended !== this.#requests) throw new Error(`${ended} of ${this.#requests} have ended`);
    if (ms > MS_PER_REQUEST_MAX * this.#requests) throw new Error(`it took ${ms.toFixed(0)} ms`);
    return trial;
  }

  private trial(options: TrialOptions): TrialOptions {
    return { requests: this.#requests, ...options };
  }

  private pair(policy: PolicyUnderTest): PolicyPair {
    const { beside } = this.options;
    return this.subject.plugin.kind === 'scheduler'
      ? { dispatcher: beside, scheduler: policy }
      : { dispatcher: policy, scheduler: beside };
  }
}
