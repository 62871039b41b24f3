import { findNodeAtLocation, parseTree } from 'jsonc-parser';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';

export interface Position {
  /** Both count from 1. */
  line: number;
  column: number;
}

/** Line and column of an offset in UTF-16 units. */
export function lineAndColumn(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}

/** Where the keys stand in a JSON or YAML file; undefined for code, and for what is missing. */
export function positionFinder(
  file: string,
): (keys: readonly PropertyKey[], aboutKey: boolean) => Position | undefined {
  const extension = path.extname(file);
  if (extension === '.json') return jsonFinder(readFileSync(file, 'utf8'));
  if (extension === '.yaml' || extension === '.yml') return yamlFinder(readFileSync(file, 'utf8'));
  return () => undefined;
}

function jsonFinder(text: string): ReturnType<typeof positionFinder> {
  const tree = parseTree(text);
  return (keys, aboutKey) => {
    const node = tree && findNodeAtLocation(tree, keys.map(jsonSegment));
    if (node === undefined) return undefined;
    const shown = aboutKey ? (node.parent?.children?.[0] ?? node) : node;
    return lineAndColumn(text, shown.offset);
  };
}

function jsonSegment(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? String(key) : key;
}

function yamlFinder(text: string): ReturnType<typeof positionFinder> {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  return (keys, aboutKey) => {
    const offset = aboutKey
      ? yamlKeyOffset(document.getIn(keys.slice(0, -1), true), keys.at(-1))
      : nodeOffset(document.getIn(keys, true));
    if (offset === undefined) return undefined;
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
}

function yamlKeyOffset(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
  return nodeOffset(pair?.key);
}

function nodeOffset(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
