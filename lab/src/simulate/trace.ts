import { closeSync, openSync, writeFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import { RECORD_FIELDS, reasonOf, TraceText } from '@sledge/core/host';
import type { Cell, FullCellResult } from './cell';

const EVENTS_PER_WRITE = 20_000;

/**
 * Writes the record of a simulated run for Perfetto and `sledge explain`. The same cell gives the
 * same bytes. @throws SledgeError SLEDGE_ERR_TRACE_WRITE
 */
export function writeTrace(path: string, cell: Cell, full: FullCellResult): void {
  const { record, recordMissed } = full;
  const text = new TraceText({
    source: 'simulate',
    workers: cell.workers,
    typeName: (type) => cell.workload.classes[type]?.name ?? `type ${type}`,
    about: {
      dispatcher: cell.dispatcher.name,
      scheduler: cell.scheduler.name,
      ...(cell.load === undefined ? {} : { load: cell.load }),
      seed: cell.seed,
      requests: cell.requests,
    },
  });
  try {
    const file = openSync(path, 'w');
    try {
      writeFileSync(file, text.head());
      const step = EVENTS_PER_WRITE * RECORD_FIELDS;
      for (let at = 0; at < record.length; at += step) {
        writeFileSync(file, text.add(record.subarray(at, at + step)));
      }
      writeFileSync(file, text.end(recordMissed));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const details = { path, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_TRACE_WRITE', details, { cause: error });
  }
}
