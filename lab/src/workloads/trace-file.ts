import { readFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import type { RequestClassSpec, WorkloadSpec } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';
import { parse } from 'csv-parse/sync';

const ROWS_MAX = 20_000_000;
const MINUTES_OF_A_DAY = 1440;

type Row = Readonly<Record<string, string>>;

/**
 * Reads a trace of arrivals from a CSV file with a header. Columns, by name:
 * - ours: `arrival_us`, `class`, and optionally `service_us`, `deadline_us`;
 * - Azure Functions 2021 (one row per invocation): `app`, `func`, `end_timestamp`, `duration`
 *   (seconds);
 * - Azure Functions 2019 (one row per function): `HashFunction` and a column per minute, `1` to
 *   `1440`; invocations of a minute are spread evenly over it, service times are `serviceUs`.
 * @throws SledgeError SLEDGE_ERR_LAB_TRACE
 */
export function readTrace(path: string, serviceUs = 1000): WorkloadSpec {
  let rows: Row[];
  try {
    rows = parse(readFileSync(path), { columns: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    throw traceError(path, reasonOf(error));
  }
  const first = rows[0];
  if (first === undefined) throw traceError(path, 'it has no rows');
  if ('arrival_us' in first) return fromOwn(path, rows);
  if ('end_timestamp' in first) return fromAzure2021(path, rows);
  if ('HashFunction' in first && '1' in first) return fromAzure2019(path, rows, serviceUs);
  throw traceError(path, `it has none of the known sets of columns: ${Object.keys(first).join()}`);
}

/** Writes jobs as a trace that `readTrace` reads. */
export function formatTrace(
  jobs: Iterable<{ arrivalUs: number; className: string; serviceUs: number; deadlineUs?: number }>,
): string {
  const lines = ['arrival_us,class,service_us,deadline_us'];
  for (const { arrivalUs, className, serviceUs, deadlineUs } of jobs) {
    const name = /[",\n]/.test(className) ? `"${className.replaceAll('"', '""')}"` : className;
    lines.push(`${arrivalUs},${name},${serviceUs},${deadlineUs ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

function traceError(path: string, reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_LAB_TRACE', { path, reason });
}

/** Collects arrivals and sorts them in time. */
class Collector {
  private readonly classes = new Map<
    string,
    { type: number; sumUs: number; count: number; deadlineUs: number }
  >();
  private readonly jobs: { at: number; type: number; serviceUs: number }[] = [];

  constructor(private readonly path: string) {}

  add(at: number, name: string, serviceUs: number, deadlineUs = 0): void {
    if (!(at >= 0 && at < 1e15) || !(serviceUs >= 0 && serviceUs <= 1e9) || !(deadlineUs >= 0)) {
      throw traceError(this.path, `row ${this.jobs.length + 1} has a time that is none`);
    }
    if (this.jobs.length >= ROWS_MAX) throw traceError(this.path, 'it has too many arrivals');
    let known = this.classes.get(name);
    if (known === undefined) {
      known = { type: this.classes.size, sumUs: 0, count: 0, deadlineUs };
      this.classes.set(name, known);
    }
    known.sumUs += serviceUs;
    known.count += 1;
    this.jobs.push({ at, type: known.type, serviceUs });
  }

  workload(): WorkloadSpec {
    this.jobs.sort((a, b) => a.at - b.at);
    const start = this.jobs[0]?.at ?? 0;
    const classes = [...this.classes].map(([name, { sumUs, count, deadlineUs }], group) => ({
      name: name.slice(0, 64),
      share: count,
      service: { shape: 'deterministic', us: Math.max(sumUs / count, 1e-3) },
      group: Math.min(group, 1023),
      ...(deadlineUs > 0 && { deadline: { us: deadlineUs } }),
    })) satisfies RequestClassSpec[];
    return {
      name: 'trace',
      classes,
      arrivals: {
        kind: 'recorded',
        atUs: this.jobs.map(({ at }) => at - start),
        classOf: this.jobs.map(({ type }) => type),
        serviceUs: this.jobs.map(({ serviceUs }) => serviceUs),
      },
    };
  }
}

function fromOwn(path: string, rows: readonly Row[]): WorkloadSpec {
  const collected = new Collector(path);
  for (const row of rows) {
    const deadlineUs = Number(row.deadline_us || 0);
    collected.add(
      Number(row.arrival_us),
      row.class ?? 'all',
      Number(row.service_us || 0),
      deadlineUs,
    );
  }
  return collected.workload();
}

function fromAzure2021(path: string, rows: readonly Row[]): WorkloadSpec {
  const collected = new Collector(path);
  for (const row of rows) {
    const durationUs = Number(row.duration) * 1e6;
    const endUs = Number(row.end_timestamp) * 1e6;
    collected.add(Math.max(0, endUs - durationUs), row.func ?? 'all', durationUs);
  }
  return collected.workload();
}

function fromAzure2019(path: string, rows: readonly Row[], serviceUs: number): WorkloadSpec {
  const collected = new Collector(path);
  for (const row of rows) {
    for (let minute = 1; minute <= MINUTES_OF_A_DAY; minute++) {
      const count = Number(row[String(minute)] ?? 0);
      for (let at = 0; at < count; at++) {
        const second = ((at + 0.5) / count) * 60;
        collected.add(((minute - 1) * 60 + second) * 1e6, row.HashFunction ?? 'all', serviceUs);
      }
    }
  }
  return collected.workload();
}
