import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { DataPlane } from '../contracts/data-plane';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import type { EventTap } from '../live/lane-capture';
import { RECORD_FIELDS } from '../trace/record';
import { COMPLETION_FIELDS } from './completion';
import type * as job from './recording-job';

const DRAIN_MS = 20;
const ENTRIES_PER_BUFFER = 8192;
/** In the hands of the thread at most, of each kind: when it does not keep up, the rings fill. */
const BUFFERS = 4;
const END_MS = 10_000;
/** Decision records kept for each worker group until they are taken. */
export const EVENTS_KEPT = 65_536;

type Buffer = Float64Array<ArrayBuffer>;

/**
 * Writes the trace and the perf log while a server runs: the data plane keeps both in rings, this
 * takes them now and then, and a thread of its own makes text of them. Main thread. Whatever
 * becomes of the files, the server goes on.
 */
export class Recording {
  private readonly freeEvents: Buffer[] = [];
  private readonly freeCompletions: Buffer[] = [];
  private plane: DataPlane | undefined;
  private timer: NodeJS.Timeout | undefined;
  private takesEvents: boolean;
  private readonly ended: Promise<void>;
  private hasEnded = false;
  private readonly seen: EventTap = { listener: undefined };

  private constructor(
    private readonly thread: Worker,
    private readonly settings: job.RecordingSettings,
    private readonly logger: Logger,
  ) {
    this.takesEvents = settings.trace !== undefined;
    for (let at = 0; at < BUFFERS; at += 1) {
      if (settings.trace !== undefined) {
        this.freeEvents.push(new Float64Array(ENTRIES_PER_BUFFER * RECORD_FIELDS));
      }
      if (settings.perfLog !== undefined) {
        this.freeCompletions.push(new Float64Array(ENTRIES_PER_BUFFER * COMPLETION_FIELDS));
      }
    }
    thread.on('message', (answer: job.RecordingAnswer) => this.hear(answer));
    thread.on('error', (error) => logger.error(`nothing more is recorded: ${reasonOf(error)}`));
    this.ended = new Promise((resolve) => thread.on('exit', () => resolve(this.onExit())));
  }

  /**
   * Opens the files, which are emptied. Undefined: there is nothing to record.
   * @throws SledgeError SLEDGE_ERR_TRACE_WRITE, SLEDGE_ERR_PERF_LOG_WRITE
   */
  static async open(
    settings: job.RecordingSettings,
    logger: Logger,
  ): Promise<Recording | undefined> {
    if (settings.trace === undefined && settings.perfLog === undefined) return undefined;
    const thread = new Worker(threadScript(), {
      workerData: settings satisfies job.RecordingJob,
      name: 'sledge-record',
    });
    const [answer] = (await once(thread, 'message')) as [job.RecordingAnswer];
    if ('unopened' in answer) throw fileError(settings, answer.unopened);
    thread.unref();
    return new Recording(thread, settings, logger);
  }

  /** What the data plane must keep for it. */
  get kept(): { events: number; completions: number } {
    const { trace, perfLog } = this.settings;
    return {
      events: trace === undefined ? 0 : EVENTS_KEPT,
      completions: perfLog?.bufferRows ?? 0,
    };
  }

  /** For those who would see the events that it takes; undefined: it takes none. */
  get tap(): EventTap | undefined {
    return this.takesEvents ? this.seen : undefined;
  }

  /** From now on what the data plane keeps is written. */
  begin(plane: DataPlane, start: job.RecordingStart): void {
    this.plane = plane;
    this.tell({ start });
    this.timer = setInterval(() => this.drain(), DRAIN_MS).unref();
  }

  /** A function that was deployed meanwhile; what there is under its id is of an earlier one. */
  readonly name = (id: number, fn: job.RecordingStart['functions'][number]): void => {
    this.drain();
    this.tell({ named: { id, fn } });
  };

  /** Writes what is left, when the data plane has stopped, and closes the files. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    this.thread.ref(); // the event loop must not end before it
    const limit = performance.now() + END_MS;
    while (!this.drain() && !this.hasEnded && performance.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.takesEvents = false;
    this.tell({ end: this.plane?.stats()['traceEventsLost'] ?? 0 });
    const late = setTimeout(() => void this.thread.terminate(), END_MS);
    await this.ended;
    clearTimeout(late);
  }

  /** False: the thread has all buffers, and there may be more to take. */
  private drain(): boolean {
    const { plane, freeEvents, freeCompletions } = this;
    if (plane === undefined || this.hasEnded) return true;
    let isDone = true;
    while (this.takesEvents) {
      const events = freeEvents.pop();
      isDone = events !== undefined;
      if (events === undefined) break;
      const count = plane.takeEvents?.(events) ?? 0;
      if (count > 0) {
        this.seen.listener?.(events, count);
        this.tell({ events, count }, [events.buffer]);
      }
      if (count === 0) freeEvents.push(events);
      if (count < ENTRIES_PER_BUFFER) break;
    }
    while (this.settings.perfLog !== undefined) {
      const completions = freeCompletions.pop();
      if (completions === undefined) return false;
      const count = plane.takeCompletions?.(completions) ?? 0;
      if (count > 0) this.tell({ completions, count }, [completions.buffer]);
      else freeCompletions.push(completions);
      if (count < ENTRIES_PER_BUFFER) break;
    }
    return isDone;
  }

  private hear(answer: job.RecordingAnswer): void {
    if ('events' in answer) this.freeEvents.push(answer.events);
    else if ('completions' in answer) this.freeCompletions.push(answer.completions);
    else if ('failed' in answer) {
      const error = fileError(this.settings, answer.failed);
      this.logger.error({ code: error.code, solve: error.solve }, error.message);
      if (answer.failed.what === 'trace') this.takesEvents = false;
    } else if ('isFull' in answer) {
      this.takesEvents = false;
      this.logger.warn(`the trace is full: it has ${this.settings.trace?.events ?? 0} events`);
    } else if ('ended' in answer) this.sayLost(answer.ended.rowsUnwritten);
  }

  private sayLost(rowsUnwritten: number): void {
    const { traceEventsLost: events = 0, perfRowsLost = 0 } = this.plane?.stats() ?? {};
    const rows = perfRowsLost + rowsUnwritten;
    if (events > 0) this.logger.warn(`the trace has lost ${events} events`);
    if (rows > 0) this.logger.warn(`the perf log has lost ${rows} rows`);
  }

  private onExit(): void {
    this.hasEnded = true;
  }

  private tell(message: job.RecordingMessage, transfer: ArrayBuffer[] = []): void {
    this.thread.postMessage(message, transfer);
  }
}

/** Threads run what is built, also when this file runs from source. */
function threadScript(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '../../dist/recording') : __dirname;
  return join(folder, 'recording-thread.js');
}

function fileError(
  settings: job.RecordingSettings,
  { what, reason }: { what: job.RecordedFile; reason: string },
): SledgeError {
  const path = settings[what]?.path ?? '';
  const details = { path, reason };
  return what === 'trace'
    ? new SledgeError('SLEDGE_ERR_TRACE_WRITE', details)
    : new SledgeError('SLEDGE_ERR_PERF_LOG_WRITE', details);
}
