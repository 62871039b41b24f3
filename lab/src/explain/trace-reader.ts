import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { SledgeError, z } from '@sledge/core';
import { reasonOf, TRACE_FORMAT, TRACE_VERSION } from '@sledge/core/host';

const headSchema = z.looseObject({
  format: z.literal(TRACE_FORMAT),
  version: z.literal(TRACE_VERSION),
  workers: z.int().min(0),
  dispatcher: z.string().default(''),
  scheduler: z.string().default(''),
});
export type TraceHead = z.output<typeof headSchema>;

const lineSchema = z.object({
  ph: z.enum(['X', 'i']),
  name: z.string(),
  /** Lane: 0 arrivals, n + 1 worker n. */
  tid: z.int().min(0),
  ts: z.number(),
  dur: z.number().optional(),
  args: z.object({
    request: z.int(),
    type: z.string().optional(),
    worker: z.int().optional(),
    before: z.number().optional(),
    estimateUs: z.number().optional(),
    serviceUs: z.number().optional(),
    deadlineUs: z.number().optional(),
    delayUs: z.number().optional(),
    begin: z.string().optional(),
    end: z.string().optional(),
    reason: z.string().optional(),
    by: z.number().optional(),
    status: z.string().optional(),
    lateUs: z.number().optional(),
    sojournUs: z.number().optional(),
  }),
});
/** A slice (X) or an instant (i) of a trace; times in microseconds. */
export type TraceLine = z.output<typeof lineSchema>;

/**
 * Reads a trace line by line, as often as asked: memory does not grow with it. A trace that ends
 * early, as that of a killed server, is read as far as it goes.
 */
export class TraceReader {
  /** Events that the trace has not kept; valid after a whole reading. */
  lostEvents = 0;
  /** False: the file ends before the trace does; likewise. */
  isWhole = false;

  constructor(readonly path: string) {}

  /** What the trace is of. @throws SledgeError SLEDGE_ERR_TRACE_READ */
  async head(): Promise<TraceHead> {
    for await (const text of this.texts()) {
      const match = /^\{.*"otherData":(\{.*\}),"traceEvents":\[$/.exec(text);
      const head = headSchema.safeParse(parsed(match?.[1] ?? ''));
      if (head.success) return head.data;
      break;
    }
    throw this.error('it does not begin as a trace of sledge does');
  }

  /**
   * Slices and instants whose text `wants`, in the order of the file.
   * @throws SledgeError SLEDGE_ERR_TRACE_READ naming the line that is none
   */
  async *lines(wants: (text: string) => boolean): AsyncGenerator<TraceLine> {
    let number = 0;
    let broken = 0;
    this.isWhole = false;
    for await (const text of this.texts()) {
      number += 1;
      if (number === 1) continue;
      if (broken > 0) throw this.error(`line ${broken} is no event of a trace`);
      const lost = /^\],"lostEvents":(\d+)\}$/.exec(text);
      if (lost !== null) {
        this.isWhole = true;
        this.lostEvents = Number(lost[1]);
        return;
      }
      if (!/"ph":"[Xi]"/.test(text) || !wants(text)) continue;
      const line = lineSchema.safeParse(parsed(text.replace(/,$/, '')));
      if (line.success) yield line.data;
      else broken = number; // the last line of a trace that was cut may be
    }
  }

  private async *texts(): AsyncGenerator<string> {
    const stream = createReadStream(this.path);
    try {
      yield* createInterface({ input: stream, crlfDelay: Infinity });
    } catch (error) {
      throw this.error(reasonOf(error));
    } finally {
      stream.destroy();
    }
  }

  private error(reason: string): SledgeError {
    return new SledgeError('SLEDGE_ERR_TRACE_READ', { path: this.path, reason });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
