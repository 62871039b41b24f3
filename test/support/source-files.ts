import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The checkout. */
export const ROOT = resolve(__dirname, '../..');

/** Folders of the packages, relative to the checkout. */
export const PACKAGES: readonly string[] = [
  'core',
  'lab',
  'cli',
  'bench',
  'nats-connection',
  'client-nats',
  ...readdirSync(join(ROOT, 'plugins')).map((name) => `plugins/${name}`),
];

/** Files that git knows and that exist, relative to the checkout. */
export function trackedFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  return output.split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file)));
}
