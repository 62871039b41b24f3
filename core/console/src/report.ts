/** What the server answers: the types of its own schemas. */
export type { LaneSlice, Lanes, LiveFunction, LiveSample } from '../../src/live/live-report';
import type { LiveReport } from '../../src/live/live-report';

export interface Live extends LiveReport {
  phase: string;
  role: 'reader' | 'operator';
}

interface Policy {
  name: string;
  form: string;
  options: unknown;
}

export interface GroupPolicies {
  group?: string;
  dispatcher: Policy;
  scheduler: Policy;
  live: string;
  swaps: number;
  ejections: { policy: string; reason: string; at: string }[];
}

export interface Policies extends GroupPolicies {
  groups: GroupPolicies[];
}

export interface Called {
  status: string;
  exitCode: number;
  trap?: string;
  output: string;
  outputBytes: number;
  queueUs: number;
  runUs: number;
  totalUs: number;
  error?: { code: string; message: string; solve: string };
}
