import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import type { ListenerInfo } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';

export interface ReadyInfo {
  pid: number;
  listeners: readonly ListenerInfo[];
  /** Where the admin API listens. */
  admin: readonly string[];
  /** Path of the control socket; undefined: it has none. */
  control?: string | undefined;
}

/**
 * Whoever waits for the file never reads half of it.
 * @throws SledgeError SLEDGE_ERR_CLI_READY_FILE.
 */
export function writeReadyFile(file: string, info: ReadyInfo): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${JSON.stringify(info)}\n`);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_READY_FILE', details, { cause: error });
  }
}

/** A server that has gone is not ready. What cannot be removed is told when it is written. */
export function removeReadyFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // a folder, or below a file
  }
}
