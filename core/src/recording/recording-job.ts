import type { PerfColumnChoice, PerfFunction } from './columns';
import type { PerfFormat } from './perf-text';

/** What a recording writes; paths are absolute. */
export interface RecordingSettings {
  readonly trace?: TraceSettings | undefined;
  readonly perfLog?: PerfLogSettings | undefined;
}

export interface TraceSettings {
  readonly path: string;
  /** Lines of the file at most; what comes later is lost and counted. */
  readonly events: number;
}

export interface PerfLogSettings {
  readonly path: string;
  readonly format: PerfFormat;
  readonly columns: PerfColumnChoice;
  /** Rows kept for each worker until they are written. */
  readonly bufferRows: number;
}

/** `workerData` of the recording thread. */
export type RecordingJob = RecordingSettings;

/** What the data plane knows, once it is there. */
export interface RecordingStart {
  readonly workers: number;
  readonly functions: readonly PerfFunction[];
  readonly startedMs: number;
  readonly about: Readonly<Record<string, string | number>>;
}

/** To the recording thread. Buffers are transferred, and come back in a RecordingAnswer. */
export type RecordingMessage =
  | { readonly start: RecordingStart }
  /** What comes from now on under this id is of this function. */
  | { readonly named: { id: number; fn: PerfFunction } }
  | { readonly events: Float64Array<ArrayBuffer>; readonly count: number }
  | { readonly completions: Float64Array<ArrayBuffer>; readonly count: number }
  /** Events that the data plane has lost. */
  | { readonly end: number };

/** From the recording thread. */
export type RecordingAnswer =
  | { readonly opened: true }
  | { readonly unopened: { what: RecordedFile; reason: string } }
  | { readonly events: Float64Array<ArrayBuffer> }
  | { readonly completions: Float64Array<ArrayBuffer> }
  /** That file is given up; the server goes on. */
  | { readonly failed: { what: RecordedFile; reason: string } }
  /** The trace has all the events that it may have. */
  | { readonly isFull: true }
  | { readonly ended: { eventsLost: number; rowsUnwritten: number } };

export type RecordedFile = 'trace' | 'perfLog';
