export { LatencyHistogram } from './histogram';
export type { Buckets } from './histogram';
export * from './intervals';
