import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory, SledgeError } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';

/**
 * Copies a file in one step: what was there stays until the whole of the new one is, also for those
 * who have it open or mapped.
 * @throws SledgeError SLEDGE_ERR_CLI_OUTPUT, and nothing has changed.
 */
export async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${randomUUID()}`;
  try {
    await ensureDirectory(path.dirname(to));
    await copyFile(from, draft);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    const details = { path: to, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_OUTPUT', details, { cause: error });
  }
}

/**
 * Makes a folder with these files, by their names.
 * @returns the files
 * @throws SledgeError SLEDGE_ERR_CLI_OUTPUT, and nothing of it is there.
 */
export function writeFolder(folder: string, files: Readonly<Record<string, string>>): string[] {
  let isOurs = false;
  try {
    mkdirSync(folder);
    isOurs = true;
    return Object.entries(files).map(([name, text]) => {
      const place = path.join(folder, name);
      writeFileSync(place, text);
      return place;
    });
  } catch (error) {
    if (isOurs) rmSync(folder, { recursive: true, force: true });
    const details = { path: path.resolve(folder), reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_OUTPUT', details, { cause: error });
  }
}
