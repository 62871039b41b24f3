// Runs in a worker_thread: makes text of what the data plane has recorded, and writes it.
import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../errors/reason';
import { TraceText } from '../trace/trace-text';
import { PerfText } from './perf-text';
import { RecordedFile } from './recorded-file';
import type * as job from './recording-job';

const { trace, perfLog } = workerData as job.RecordingJob;

interface Writers {
  trace: RecordedFile | undefined;
  perfLog: RecordedFile | undefined;
}

class Recorder {
  private traceText: TraceText | undefined;
  private perfText: PerfText | undefined;
  private functions: job.RecordingStart['functions'][number][] = [];
  private eventsLost = 0;
  private rowsUnwritten = 0;
  private isFull = false;

  constructor(private readonly files: Writers) {}

  name(id: number, fn: job.RecordingStart['functions'][number]): void {
    this.functions[id] = fn;
  }

  start({ workers, functions: known, startedMs, about }: job.RecordingStart): void {
    const functions = [...known];
    this.functions = functions;
    const typeName = (type: number): string => {
      const fn = functions[type];
      return fn === undefined ? `function ${type}` : `${fn.tenant}/${fn.name}`;
    };
    this.traceText = new TraceText({ source: 'start', workers, typeName, about });
    this.files.trace?.write(this.traceText.head());
    const { format = 'csv', columns = 'all' } = perfLog ?? {};
    this.perfText = new PerfText(format, columns, { functions, startedMs });
    this.files.perfLog?.write(this.perfText.head());
  }

  events(events: Float64Array<ArrayBuffer>, count: number): void {
    const { trace: file } = this.files;
    if (file === undefined || this.traceText === undefined || this.isFull) this.eventsLost += count;
    else if (!file.write(this.traceText.add(events, count))) this.eventsLost += count;
    say({ events }, [events.buffer]);
    if (this.isFull || (this.traceText?.written ?? 0) < (trace?.events ?? 0)) return;
    this.isFull = true;
    say({ isFull: true });
  }

  completions(completions: Float64Array<ArrayBuffer>, count: number): void {
    const { perfLog: file } = this.files;
    const text = this.perfText?.rows(completions, count) ?? '';
    if (file?.write(text) !== true) this.rowsUnwritten += count;
    say({ completions }, [completions.buffer]);
  }

  end(lost: number): void {
    const { eventsLost, rowsUnwritten } = this;
    if (this.traceText !== undefined) {
      this.files.trace?.write(this.traceText.end(eventsLost + lost));
    }
    this.files.trace?.close();
    this.files.perfLog?.close();
    say({ ended: { eventsLost, rowsUnwritten } });
    parentPort?.close();
  }
}

/** Undefined: it could not be opened, and that has been said. */
function opened(): Writers | undefined {
  const files: Writers = { trace: undefined, perfLog: undefined };
  for (const [what, path] of [
    ['trace', trace?.path],
    ['perfLog', perfLog?.path],
  ] as const) {
    if (path === undefined) continue;
    try {
      files[what] = new RecordedFile(path, (reason) => say({ failed: { what, reason } }));
    } catch (error) {
      files.trace?.close();
      say({ unopened: { what, reason: reasonOf(error) } });
      parentPort?.close();
      return undefined;
    }
  }
  return files;
}

function say(answer: job.RecordingAnswer, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(answer, transfer);
}

function main(): void {
  const files = opened();
  if (files === undefined) return;
  const recorder = new Recorder(files);
  parentPort?.on('message', (message: job.RecordingMessage) => {
    if ('start' in message) recorder.start(message.start);
    else if ('named' in message) recorder.name(message.named.id, message.named.fn);
    else if ('events' in message) recorder.events(message.events, message.count);
    else if ('completions' in message) recorder.completions(message.completions, message.count);
    else recorder.end(message.end);
  });
  say({ opened: true });
}

main();
