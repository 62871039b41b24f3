import { closeSync, openSync, writeSync } from 'node:fs';
import type { LoadSample } from './outcomes';

interface Totals {
  sent: number;
  answered: number;
  dropped: number;
}

const HEADER = 'thread id, type id, latency, cpu time';
const FLUSH_CHARACTERS = 65_536;
const NOT_SENT = new Set(['neverSent', 'dropped', 'refused']);

/**
 * The log of SLEdgeScale's open-loop client: a row for each request, then totals. A class stands
 * for a client thread. Latency is in microseconds from the intended send time, CPU time as the
 * server told it; 0.0 for what was not answered well.
 */
export class ClientLog {
  private readonly file: number;
  private readonly totals = new Map<number, Totals>();
  private text = `${HEADER}\n`;

  /**
   * @param types request type of each class
   * @param isOpen false: latencies begin at the send time, as nothing else was intended
   */
  constructor(
    path: string,
    private readonly types: readonly number[],
    private readonly isOpen: boolean,
  ) {
    this.file = openSync(path, 'w');
  }

  add({ type, outcome, status, atNs, sentNs, endNs, serviceNs }: LoadSample): void {
    const isGood = outcome === 'answered' && status === 0;
    const requestType = this.types[type] ?? 0;
    const totals = this.totals.get(requestType) ?? { sent: 0, answered: 0, dropped: 0 };
    this.totals.set(requestType, totals);
    if (NOT_SENT.has(outcome)) totals.dropped += 1;
    else totals.sent += 1;
    if (isGood) totals.answered += 1;
    const latency = us(isGood ? endNs - (this.isOpen ? atNs : sentNs) : 0);
    this.text += `${type} ${requestType} ${latency} ${us(isGood ? serviceNs : 0)}\n`;
    if (this.text.length > FLUSH_CHARACTERS) this.flush();
  }

  /**
   * Writes the totals, per second.
   * @param durationS of the run; undefined: it did not come to its end
   */
  close(durationS?: number): void {
    if (durationS !== undefined) {
      const byType = [...this.totals].sort(([a], [b]) => a - b);
      const all = { sent: 0, answered: 0, dropped: 0 };
      for (const [, { sent, answered, dropped }] of byType) {
        all.sent += sent;
        all.answered += answered;
        all.dropped += dropped;
      }
      this.text += `total ${ratesOf(all, durationS)}\n`;
      for (const [type, totals] of byType)
        this.text += `type ${type} ${ratesOf(totals, durationS)}\n`;
    }
    this.flush();
    closeSync(this.file);
  }

  private flush(): void {
    writeSync(this.file, this.text);
    this.text = '';
  }
}

function ratesOf({ sent, answered, dropped }: Totals, durationS: number): string {
  const rate = (count: number): string => (count / durationS).toFixed(3);
  return `sending rate ${rate(sent)} service rate ${rate(answered)} dropped ${dropped}`;
}

/** At least one decimal place. */
function us(ns: number): string {
  const text = String(Math.round(ns) / 1000);
  return text.includes('.') ? text : `${text}.0`;
}
