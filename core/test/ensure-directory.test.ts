import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureDirectory } from '../src/files/ensure-directory';

const root = mkdtempSync(path.join(tmpdir(), 'sledge-directory-'));

test('makes every missing folder, and is content when it is there', async () => {
  const folder = path.join(root, 'a', 'b', 'c');
  await ensureDirectory(folder);
  await ensureDirectory(folder);
  expect(statSync(folder).isDirectory()).toBe(true);
});

test('fails at once where no folder can be made', async () => {
  await expect(ensureDirectory('/proc/no-such-folder/below')).rejects.toThrow(/ENOENT/);
});

test('fails when something above it is a file', async () => {
  writeFileSync(path.join(root, 'file'), '');
  await expect(ensureDirectory(path.join(root, 'file', 'below'))).rejects.toThrow(/ENOTDIR/);
});
