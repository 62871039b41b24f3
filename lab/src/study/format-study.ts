import type { StudyReport } from './run-study';

/** As JSON with a line for each point, so that a change shows where it is. */
export function formatStudy({ figures, ...head }: StudyReport): string {
  const lines = Object.entries(figures).map(
    ([key, values]) => `    ${JSON.stringify(key)}: ${JSON.stringify(values)}`,
  );
  const opened = JSON.stringify(head, undefined, 2).replace(/\n\}$/, '');
  return `${opened},\n  "figures": {\n${lines.join(',\n')}\n  }\n}\n`;
}

/** A figure that a text names: `key metric = value`, as in `tpcc/w8/0.7/darc p999 = 12.3`. */
export interface Citation {
  readonly key: string;
  readonly metric: string;
  readonly value: number;
}

/** All of a text: in backquotes. */
export function citationsIn(text: string): Citation[] {
  const pattern = /`([\w-]+\/w\d+\/[\d.]+\/[\w-]+) (\w+) = ([\d.e+-]+)`/g;
  return [...text.matchAll(pattern)].map(([, key = '', metric = '', value = '']) => ({
    key,
    metric,
    value: Number(value),
  }));
}
