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
  FAILING.push({ name: 'type.rs', text: `fn main() { ${UNKNOWN} }` });
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
  write('refused/takes.wat', '(module (func (export "_start") (param i32)))');
  write('refused/tail.wat', '(module (func $f (export "_start") (return_call $f)))');
  write('refused/good.wat', '(module (func (export "_start")))');
  const names = ['other', 'takes', 'tail', 'good'];
  const [other, takes, tail, good] = names.map((name) =>
    write(`refused/out/${name}.wasm`, 'before'),
  ) as [string, string, string, string];
  const artifact = write('refused/out/good.wasm.so', 'built before');
  const fd = openSync(artifact, 'r');
  const sources = names.map((name) => `${name}.wat`);
  const { status, stdout } = sledge(path.join(folder, 'refused'), [
    ...['build', ...sources, '--json', '--out', 'out', '--level', 'development'],
  ]);
  expect(status).toBe(5);
  const entry = 'SLEDGE_ERR_MODULE_ENTRY';
  expect(JSON.parse(stdout)).toMatchObject([
    { file: other, error: { code: entry, message: expect.stringContaining(other) as string } },
    { file: takes, error: { code: entry, message: expect.stringContaining(takes) as string } },
    { file: tail, error: { message: expect.stringContaining('tail calls') as string } },
    { file: good, cached: expect.any(Boolean) as boolean },
  ]);
  for (const file of [other, takes, tail]) expect(contentOf(file)).toBe('before');
  expect(contentOf(good)).toMatch(/^\0asm/);
  expect(readdirSync(path.join(folder, 'refused/out'))).toHaveLength(5);
  // who has an artifact open, or mapped, keeps it
  expect(readFileSync(fd, 'utf8')).toBe('built before');
  closeSync(fd);
  expect(readFileSync(artifact).subarray(1, 4).toString()).toBe('ELF');
});

test('what WASI has not is refused by its name', async () => {
  const including = (header: string) =>
    compileSource(write(`lacks/${header}.c`, `#include <${header}>\nint main(void) {}`));
  await expect(including('pthread.h')).rejects.toThrow(/has no threads/);
  await expect(including('setjmp.h')).rejects.toThrow(/has no setjmp/);
  await expect(including('netdb.h')).rejects.toThrow(/has no sockets of one's own/);
  await expect(including('sys/timerfd.h')).rejects.toThrow(/'sys\/timerfd.h' file not found/);
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
