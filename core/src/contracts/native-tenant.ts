/** 0: no limit; a budget of 0: nothing is promised. */
export interface NativeTenant {
  maxConcurrent: number;
  maxQueued: number;
  maxMemoryBytes: number;
  maxRequestsPerSecond: number;
  burst: number;
  maxCpuNsPerSecond: number;
  weight: number;
  budgetUs: number;
  periodUs: number;
}
