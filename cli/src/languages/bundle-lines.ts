import type { SourceMap } from 'node:module';

/**
 * Where the lines of a bundle come from. A run begins at a line of the bundle and lasts until the
 * next one; within it the lines of the source follow each other. Lines count from 1.
 */
export interface BundleLines {
  readonly sources: readonly string[];
  /** Triples: first line in the bundle, index of the source or -1 for none, line in the source. */
  readonly runs: readonly number[];
}

/** A line has the place that its end has: calls stand there more often than at its beginning. */
export function linesOf(bundle: string, map: SourceMap): BundleLines {
  const sources: string[] = [];
  const runs: number[] = [];
  let expected = '';
  bundle.split('\n').forEach((text, at) => {
    const entry = map.findEntry(at, text.length);
    const isMapped = 'originalLine' in entry;
    const source = isMapped ? indexIn(sources, entry.originalSource) : -1;
    const line = isMapped ? entry.originalLine + 1 : 0;
    if (`${source}:${line}` !== expected) runs.push(at + 1, source, line);
    expected = `${source}:${isMapped ? line + 1 : line}`;
  });
  return { sources, runs };
}

/** @returns `file:line` of the source; undefined where the bundle has a line of its own */
export function placeOf({ sources, runs }: BundleLines, line: number): string | undefined {
  let at = 0;
  while ((runs[at + 3] ?? Infinity) <= line) at += 3;
  const [first = 0, source = -1, firstOfSource = 0] = runs.slice(at, at + 3);
  return source < 0 ? undefined : `${sources[source]}:${firstOfSource + line - first}`;
}

function indexIn(sources: string[], source: string): number {
  const known = sources.indexOf(source);
  return known >= 0 ? known : sources.push(source) - 1;
}
