import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';

/** Facts that a reader of the figures needs. */
export interface Machine {
  cpu: string;
  cores: number;
  kernel: string;
  node: string;
  virtual: boolean;
  /** Share of CPU time that the hypervisor took during the run. */
  steal: number;
}

interface CpuTimes {
  total: number;
  steal: number;
}

const STEAL_FIELD = 7;

/** Jiffies of all cores since boot. */
export function readCpuTimes(): CpuTimes {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { total: fields.reduce((sum, value) => sum + value, 0), steal: fields[STEAL_FIELD] ?? 0 };
}

/** @param before CPU times from when the run began */
export function describeMachine(before: CpuTimes): Machine {
  const after = readCpuTimes();
  const total = Math.max(1, after.total - before.total);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    node: process.version,
    virtual: / hypervisor( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
    steal: Number(((after.steal - before.steal) / total).toFixed(4)),
  };
}

const TICKS_PER_SECOND = 100;

/** CPU time that a process has used, all its threads, in seconds. */
export function processCpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
