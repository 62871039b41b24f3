import { perfColumns } from './columns';
import type { PerfColumnChoice, PerfContext } from './columns';
import { Completion } from './completion';

export type PerfFormat = 'csv' | 'ndjson';

/** Completions as lines of the perf log; header and rows come from the same columns. */
export class PerfText {
  private readonly columns;
  private readonly row = new Completion();

  constructor(
    private readonly format: PerfFormat,
    choice: PerfColumnChoice,
    private readonly context: PerfContext,
  ) {
    this.columns = perfColumns(choice);
  }

  /** The first line of a CSV file; NDJSON has none. */
  head(): string {
    return this.format === 'csv' ? `${this.columns.map(({ name }) => name).join(',')}\n` : '';
  }

  rows(completions: Float64Array, count: number): string {
    let text = '';
    for (let index = 0; index < count; index += 1) {
      const row = this.row.read(completions, index);
      text += this.format === 'csv' ? this.csv(row) : this.json(row);
    }
    return text;
  }

  private csv(row: Completion): string {
    return `${this.columns.map(({ value }) => csvField(value(row, this.context))).join(',')}\n`;
  }

  private json(row: Completion): string {
    const fields = this.columns.map(
      ({ name, value }) => `"${name}":${JSON.stringify(value(row, this.context))}`,
    );
    return `{${fields.join(',')}}\n`;
  }
}

/** As RFC 4180 quotes. */
function csvField(value: number | string): string {
  if (typeof value === 'number') return String(value);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
