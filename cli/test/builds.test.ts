import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeFunction } from '../src/commands/new';
import { compileSource } from '../src/languages';
import { sledge } from './support/sledge';

const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-builds-'));
const write = (name: string, text: string): string => {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
};
const contentOf = (file: string): string => readFileSync(file, 'utf8');

afterAll(() => rmSync(folder, { recursive: true }));

const UNKNOWN = 'nowhere();';
const FAILING: { name: string; text: string; snapshot?: boolean }[] = [
  { name: 'link.c', text: `void nowhere(void);\nint main(void) { ${UNKNOWN} return 0; }` },
  { name: 'link.cpp', text: `void nowhere();\nint main() { ${UNKNOWN} return 0; }` },
  { name: 'snapshot.c', text: 'int main(void) { return 0; }', snapshot: true },
  { name: 'text.wat', text: '(module (func (export "_start") nonsense))' },
  { name: 'thrown.ts', text: 'export default () => 1; throw new Error("too early");' },
];
if (IS_LONG) {
  const rust = `extern "C" { fn nowhere(); }\nfn main() { unsafe { ${UNKNOWN} } }`;
  FAILING.push({ name: 'link.rs', text: rust });
  FAILING.push({ name: 'type.as.ts', text: `export function run(): void { ${UNKNOWN} }` });
} else console.log('without Rust and AssemblyScript: SLEDGE_TEST_LONG=1 tests them');

test.each(FAILING)('of $name, which cannot be built, what was there stays', async (of) => {
  const { name, text, snapshot } = of;
  const source = write(`stays/${name}`, text);
  const place = write(`stays/${name.replace(/\..*/, '')}.wasm`, 'built before');
  const before = readdirSync(path.dirname(source)).sort();
  await expect(compileSource(source, { snapshot })).rejects.toMatchObject({
    code: expect.stringMatching(/^SLEDGE_ERR_BUILD_/) as string,
  });
  expect(contentOf(place)).toBe('built before');
  expect(readdirSync(path.dirname(source)).sort()).toEqual(before);
});

test('a module that the sandbox refuses does not take the place of what was there', () => {
  write('refused/other.wat', '(module (func (export "other")))');
  write('refused/good.wat', '(module (func (export "_start")))');
  const [other, good] = ['other', 'good'].map((name) => write(`refused/${name}.wasm`, 'before'));
  const { status, stdout } = sledge(path.join(folder, 'refused'), [
    ...['build', 'other.wat', 'good.wat', '--json', '--set', 'sandbox=v8'],
  ]);
  expect(status).toBe(5);
  expect(JSON.parse(stdout)).toMatchObject([
    { name: 'other', file: other, error: { code: 'SLEDGE_ERR_MODULE_ENTRY' } },
    { name: 'good', file: good, cached: expect.any(Boolean) as boolean },
  ]);
  expect(contentOf(other as string)).toBe('before');
  expect(contentOf(good as string)).toMatch(/^\0asm/);
  expect(readdirSync(path.join(folder, 'refused'))).toHaveLength(4);
});

test('who has a built file open keeps it when another one comes into its place', () => {
  write('open/it.wat', '(module (func (export "_start")))');
  const args = ['build', 'it.wat', '--out', 'out', '--level', 'development'];
  const place = write('open/out/it.wasm.so', 'built before');
  const fd = openSync(place, 'r');
  const { status, stderr } = sledge(path.join(folder, 'open'), args);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  expect(readFileSync(fd, 'utf8')).toBe('built before');
  closeSync(fd);
  expect(readFileSync(place).subarray(1, 4).toString()).toBe('ELF');
});

test('a function that cannot be written whole is not written at all', () => {
  const small = path.join(folder, 'small');
  mkdirSync(small);
  const size = ['-t', 'tmpfs', '-o', 'nr_inodes=3', 'none', small]; // the folder and one file
  if (process.getuid?.() !== 0 || spawnSync('mount', size).status !== 0) {
    console.log('skipped: no right to mount a small file system');
    return;
  }
  try {
    expect(() => writeFunction(path.join(small, 'it'), 'it', 'wat')).toThrow(/no space left/);
    expect(readdirSync(small)).toEqual([]);
  } finally {
    spawnSync('umount', ['-l', small]);
  }
});
