/** One line of `sledge doctor`. */
export interface Fact {
  name: string;
  /** With its unit. */
  value: string;
  /** 'bad': the default configuration does not run; 'note': something is slower or smaller. */
  verdict: 'good' | 'note' | 'bad';
  /** What it means for the configuration. */
  meaning: string;
}

/** Address space of one slot: linear memory, its guard, and its stack. */
export const SLOT_GIB = 8.25;
