import Table from 'cli-table3';
import type { Figure } from './figure';
import type { Machine } from './machine';

export interface Report {
  bench: string;
  version: 1;
  machine: Machine;
  command: string;
  figures: Figure[];
}

const SIGNIFICANT_DIGITS = 4;

const short = (value: number): string => String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));

/** The report as a table for a terminal. */
export function formatReport(report: Report): string {
  const table = new Table({
    head: ['figure', 'unit', 'median', 'min', 'max', '95 % interval', 'runs'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const row of report.figures) {
    const interval = row.ci95.map(short).join(' .. ');
    table.push([
      row.name,
      row.unit,
      short(row.median),
      short(row.min),
      short(row.max),
      interval,
      row.runs,
    ]);
  }
  const { cpu, cores, kernel, node, virtual, steal } = report.machine;
  const kind = virtual ? 'virtual' : 'physical';
  const facts = `${cpu}, ${cores} cores (${kind}), Linux ${kernel}, Node ${node}, steal ${steal}`;
  return `${report.command}\n${facts}\n${table.toString()}`;
}
