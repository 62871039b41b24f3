import { defineStudy } from '@sledge/lab';

/** All seven dispatchers on six presets, from a small machine to a large one. */
export default defineStudy({
  name: 'dispatchers',
  variants: [
    { name: 'global-queue', dispatcher: 'global-queue', scheduler: 'fifo' },
    { name: 'rr', dispatcher: 'rr', scheduler: 'edf' },
    { name: 'jsq', dispatcher: 'jsq', scheduler: 'edf' },
    { name: 'lld', dispatcher: 'lld', scheduler: 'edf', estimator: 'percentile' },
    { name: 'edf-interrupt', dispatcher: 'edf-interrupt', scheduler: 'edf' },
    { name: 'shinjuku', dispatcher: ['shinjuku', { intervalUs: 5 }], scheduler: 'fifo' },
    { name: 'darc', dispatcher: ['darc', { windowRequests: 10_000 }], scheduler: 'fifo' },
  ],
  workloads: [
    'extreme-bimodal',
    'high-bimodal',
    'tpcc',
    'rocksdb',
    'skyloft-synthetic',
    'lognormal',
  ],
  workers: [8, 64, 512],
  loads: [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95],
  costs: 'shinjuku',
  requests: 100_000,
  requestsPerWorker: 500,
  seeds: 3,
});
