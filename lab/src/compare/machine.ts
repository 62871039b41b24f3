import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What a reader must know of the machine that measured. */
export interface MachineFacts {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  node: string;
  /** 'on', 'off', 'notsupported' ...; 'unknown' where the kernel does not tell. */
  smt: string;
  /** Of core 0; 'unknown' as in most virtual machines. */
  governor: string;
  virtual: boolean;
  /** Share of CPU time that the hypervisor took during the run. */
  steal: number;
  /** Commit of the checkout; 'unknown' elsewhere. */
  commit: string;
}

export interface CpuTimes {
  readonly total: number;
  readonly steal: number;
}

/** Jiffies of all cores since boot. */
export function readCpuTimes(): CpuTimes {
  const line = textOf('/proc/stat').split('\n')[0] ?? '';
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { total: fields.reduce((sum, value) => sum + value, 0), steal: fields[7] ?? 0 };
}

/** @param before CPU times from when the run began */
export function machineOf(before: CpuTimes): MachineFacts {
  const after = readCpuTimes();
  const total = Math.max(1, after.total - before.total);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    node: process.version,
    smt: textOf('/sys/devices/system/cpu/smt/control') || 'unknown',
    governor: textOf('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor') || 'unknown',
    virtual: / hypervisor( |$)/m.test(textOf('/proc/cpuinfo')),
    steal: Number(((after.steal - before.steal) / total).toFixed(4)),
    commit: commit(),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: __dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
