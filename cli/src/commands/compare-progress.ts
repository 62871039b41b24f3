import type { CompareProgress } from '@sledge/lab';
import { Presets, SingleBar } from 'cli-progress';

const PARTS = 1000;

/** How much is done, what was last, and how long the rest takes. */
export class ProgressBar {
  private readonly bar = new SingleBar(
    { format: '{bar} {percentage} % | {done}/{of} runs | {last} | {left} left' },
    Presets.shades_classic,
  );

  constructor() {
    this.bar.start(PARTS, 0, { done: 0, of: '?', last: 'starting', left: '?' });
  }

  show({ done, of, workload, variant, load, share, leftS }: CompareProgress): void {
    const left = leftS >= 90 ? `${Math.round(leftS / 60)} min` : `${Math.round(leftS)} s`;
    const last = `${workload}, ${variant} at ${load}`;
    this.bar.update(Math.round(share * PARTS), { done, of, last, left });
  }

  stop(): void {
    this.bar.stop();
  }
}
