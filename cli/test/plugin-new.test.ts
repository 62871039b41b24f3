import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sledge } from './support/sledge';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-plugin-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['dispatcher', 'scheduler', 'transport', 'placement', 'registry'])(
  'a new %s passes its test',
  (kind) => {
    const name = `my-${kind}`;
    const made = sledge(folder, ['plugin', 'new', kind, name, '--json']);
    expect(made.status).toBe(0);
    expect(JSON.parse(made.stdout)).toEqual({
      files: [`${name}.ts`, `${name}.test.mjs`, 'README.md'].map((file) => path.join(name, file)),
    });
    expect(readFileSync(path.join(folder, name, 'README.md'), 'utf8')).toContain(`# ${name}`);
    const run = spawnSync(process.execPath, ['--test', path.join(name, `${name}.test.mjs`)], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect({ status: run.status, text: run.stdout }).toMatchObject({ status: 0 });
  },
);

test.each([
  ['a kind that is none', ['kitchen', 'mine'], 'kitchen is none of dispatcher'],
  ['a name that is none', ['dispatcher', '../x'], '../x is no name'],
  ['a folder that is there', ['scheduler', 'my-scheduler'], 'my-scheduler is there already'],
])('%s is refused', (_title, args, words) => {
  const { status, stderr } = sledge(folder, ['plugin', 'new', ...args]);
  expect(status).not.toBe(0);
  expect(stderr).toContain(words);
});
