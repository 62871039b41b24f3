import type { Figure } from './figure';

/** What a benchmark gets from the command line. */
export interface BenchContext {
  /** Fewer rounds, under 60 s. */
  quick: boolean;
  /** Says what is going on; goes to stderr. */
  note(text: string): void;
  /** Folder for what is built once and kept, absolute. */
  cacheDirectory: string;
  /** The checkout, absolute. */
  root: string;
}

/** One area of measurement; its figures' names are those of docs/benchmarks.md. */
export interface BenchArea {
  name: string;
  summary: string;
  run(context: BenchContext): Promise<Figure[]>;
}
