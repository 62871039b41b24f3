import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModuleCopies } from '../src';
import { makeSandbox } from './support/builder';

test('a copy is what the compiler makes of that module, byte for byte', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sledge-copies-'));
  const template = join(directory, 'text.wasm');
  execFileSync('wat2wasm', [join(__dirname, '../../../bench/modules/text.wat'), '-o', template]);
  const copies = await writeModuleCopies({
    wasm: readFileSync(template),
    placeholder: '@@@@@',
    count: 3,
    folder: join(directory, 'modules'),
    cacheDirectory: join(directory, 'built'),
    level: 'production',
  });
  const last = copies[2];
  const { artifactPath, cached } = await makeSandbox().build({
    wasm: readFileSync(last?.file ?? ''),
    name: 'compiled',
    cacheDirectory: join(directory, 'fresh'),
    level: 'production',
  });
  expect(cached).toBe(false);
  expect(readFileSync(last?.artifactPath ?? '').equals(readFileSync(artifactPath))).toBe(true);
  expect(new Set(copies.map((copy) => copy.artifactPath)).size).toBe(3);
  rmSync(directory, { recursive: true, force: true });
});
