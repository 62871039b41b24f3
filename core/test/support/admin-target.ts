import { SledgeError } from '../../src/errors/sledge-error';
import type { AdminTarget, Phase } from '../../src/admin';
import type { GroupPolicyStatus, PolicyStatus } from '../../src/contracts/data-plane';

export interface FakeTarget extends AdminTarget {
  phase: Phase;
  /** What `setPolicy` was called with. */
  changes: unknown[];
  /** What it throws. */
  failure: Error | undefined;
}

const policy = { name: 'jsq', form: 'native', path: '/jsq.so', options: {} } as const;
const group: GroupPolicyStatus = {
  dispatcher: policy,
  scheduler: { ...policy, name: 'fifo' },
  live: 'none',
  events: 0,
  orders: 0,
  meanRoundTripUs: 0,
  meanCallbackUs: 0,
  ignored: 0,
  swaps: 0,
  held: 0,
  ejections: [],
};
const status: PolicyStatus = { ...group, groups: [group] };

/** A server that only remembers what it was told. */
export function fakeTarget(): FakeTarget {
  return {
    phase: 'serving',
    inFlight: 0,
    changes: [],
    failure: undefined,
    get control(): never {
      const reason = 'this server only remembers what it was told';
      throw new SledgeError('SLEDGE_ERR_CONTROL_UNAVAILABLE', { reason });
    },
    askToDrain() {
      this.changes.push('drain');
    },
    listeners: () => [],
    policyStatus: () => status,
    metrics: {
      read: async () => ({
        isReady: true,
        stats: {},
        functions: [],
        tenants: () => [],
        workers: [],
        groups: [],
      }),
    },
    liveReport: () => ({ sequence: 1, periodMs: 1000, samples: [], lanes: null }),
    installedPolicies: () => [{ kind: 'dispatcher', name: 'jsq' }],
    invoke: () => Promise.reject(new Error('it has no functions')),
    async setPolicy(...change) {
      if (this.failure !== undefined) throw this.failure;
      this.changes.push(change);
    },
  };
}
