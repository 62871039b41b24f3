import { z } from 'zod';
import type { NodeMessage } from '../contracts/registry';

const MESSAGE_CHARS_MAX = 60_000;
const KEY_CHARS_TOLD = 700;
const FAILURES_TOLD = 16;

export const nodeFailure = z.object({
  key: z.string().max(1024).describe('Of the entry that it could not take over.'),
  revision: z.int(),
  code: z.string().max(100),
  message: z.string().max(400),
});

const count = z.int().min(0);

/** What a node says of itself. */
const said = z.object({
  instance: z.string().max(64).describe('Another one after each start.'),
  version: z.string().max(64).describe('Of Sledge.'),
  addresses: z.array(z.string().max(300)).max(8),
  functions: z.int().min(0),
  state: z
    .enum(['joining', 'serving', 'draining', 'drained', 'stopping'])
    .describe('joining: it does not know yet whether it is drained, and takes no work.'),
  load: z.object({ inFlight: z.int().min(0), workers: z.int().min(0) }),
  placed: z
    .object({ local: count, sent: count, refused: count, lost: count, failedOver: count })
    .exactOptional()
    .describe('Requests by its placement: kept here, sent to peers, and what became of those.'),
  revision: z.int().min(0).describe('Of the registry, up to which it has taken everything over.'),
  pending: z.int().min(0).describe('Entries that it is taking over.'),
  failed: z.int().min(0),
  failures: z.array(nodeFailure).max(FAILURES_TOLD),
  startedAt: z.string().max(40),
});

export const nodeReport = z.object({
  node: z.string(),
  ...said.shape,
  state: z.enum(['joining', 'serving', 'draining', 'drained', 'stopping', 'lost']),
  lastSeenMs: z.number().describe('Milliseconds since it last said something.'),
});
export const nodeReports = z.array(nodeReport);

export type NodeSaid = z.output<typeof said>;
export type NodeReport = z.output<typeof nodeReport>;

/** As it goes to the registry: the failures of the newest changes; more are counted only. */
export function nodeText(report: NodeSaid): string {
  const newest = [...report.failures].sort((a, b) => b.revision - a.revision);
  const failures = newest
    .slice(0, FAILURES_TOLD)
    .map(({ key, ...more }) => ({ ...more, key: key.slice(0, KEY_CHARS_TOLD) }));
  return JSON.stringify({ ...report, failures });
}

/**
 * What the nodes last said, by name. Times are compared with the newest message, by the clock of
 * the registry: machines' clocks differ. What is no report is left out.
 * @param lostAfterMs a node that has said nothing for so long counts as lost.
 */
export function nodeReportsOf(messages: readonly NodeMessage[], lostAfterMs: number): NodeReport[] {
  const newestMs = Math.max(...messages.map(({ atMs }) => atMs));
  return messages
    .flatMap(({ node, text, atMs }) => {
      const parsed = parse(text);
      if (parsed === undefined) return [];
      const lastSeenMs = newestMs - atMs;
      const state = lastSeenMs > lostAfterMs ? ('lost' as const) : parsed.state;
      return [{ node, ...parsed, state, lastSeenMs }];
    })
    .sort((a, b) => a.node.localeCompare(b.node));
}

function parse(text: string): NodeSaid | undefined {
  if (text.length > MESSAGE_CHARS_MAX) return undefined;
  try {
    return said.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
