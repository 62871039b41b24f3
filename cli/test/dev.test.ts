import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BIN } from './support/sledge';

const LIMIT_MS = 180_000;
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-dev-test-'));
const source = path.join(folder, 'greet.wat');
const readyFile = path.join(folder, 'ready.json');
let child: ChildProcess;
let log = '';

const saying = (text: string): string => `(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "${text}")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const ${text.length}))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;

async function until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined) {
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await delay(50)) {
    const found = await probe();
    if (found !== undefined) return found;
  }
  throw new Error(`${what} did not come: ${log}`);
}

function url(): string {
  const { listeners } = JSON.parse(readFileSync(readyFile, 'utf8')) as {
    listeners: { url: string }[];
  };
  return listeners[0]?.url ?? '';
}

/** What it answers now; undefined while it is exchanged. */
async function answer(): Promise<string | undefined> {
  try {
    return await (await fetch(url())).text();
  } catch {
    return undefined;
  }
}

const answering = (text: string) =>
  until(text, async () => ((await answer()) === text ? true : undefined));

afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

test('what is saved is served; what cannot be built is said and changes nothing', async () => {
  writeFileSync(source, saying('one'));
  const set = ['--set', 'sandbox=v8', '--set', 'tenants.0.port=0'];
  child = spawn(process.execPath, [BIN, 'dev', source, '--ready-file', readyFile, ...set], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  await until('the first answer', () => (existsSync(readyFile) ? true : undefined));
  await answering('one');
  expect(log).toContain('one'); // what it wrote to standard error

  writeFileSync(source, '(module (func (export "_start") nonsense))');
  await until('the error', () => (/unexpected token "?nonsense/.test(log) ? true : undefined));
  expect(log).toContain('what was served before is served still');
  expect(await answer()).toBe('one');
  const module = readFileSync(source.replace('.wat', '.wasm'));
  writeFileSync(source, '(module (func (export "other")))');
  await until('the refusal', () => (log.includes('SLEDGE_ERR_MODULE_ENTRY') ? true : undefined));
  expect(await answer()).toBe('one');
  expect(readFileSync(source.replace('.wat', '.wasm'))).toEqual(module);

  const before = url(); // its port is the system's choice, another one for each server
  writeFileSync(source, saying('two'));
  await answering('two');
  expect(url()).toBe(before);
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
  expect(existsSync(readyFile)).toBe(false);
});

test('each of two functions that share a file is served as it was saved', async () => {
  const own = path.join(folder, 'shared');
  mkdirSync(own);
  const shared = path.join(own, 'shared.wat');
  writeFileSync(shared, saying('one'));
  const functions = ['a', 'b'].map((name) => ({ name, path: 'shared.wasm', route: `/${name}` }));
  const config = { sandbox: 'v8', tenants: [{ name: 't', port: 0, functions }] };
  writeFileSync(path.join(own, 'sledge.config.json'), JSON.stringify(config));
  const args = [BIN, 'dev', shared, '--ready-file', readyFile];
  child = spawn(process.execPath, args, { stdio: 'ignore' });
  await until('the ready file', () => (existsSync(readyFile) ? true : undefined));
  const both = (text: string) =>
    until(text, async () => {
      const asked = ['/a', '/b'].map(async (route) => (await fetch(url() + route)).text());
      const answers = await Promise.all(asked).catch(() => []);
      return answers.join() === `${text},${text}` ? true : undefined;
    });
  await both('one');
  writeFileSync(shared, saying('two'));
  await both('two');
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
});

const whenLong = process.env.SLEDGE_TEST_LONG === '1' ? test : test.skip;
whenLong(
  'JavaScript has the stack that its engine needs at the development level',
  async () => {
    const script = path.join(folder, 'script', 'script.js');
    mkdirSync(path.dirname(script));
    writeFileSync(script, "export const handler = () => 'from a script';\n");
    const set = ['--set', 'tenants.0.port=0'];
    child = spawn(process.execPath, [BIN, 'dev', script, '--ready-file', readyFile, ...set], {
      stdio: 'ignore',
    });
    await answering('from a script');
    child.kill('SIGINT');
  },
  200_000,
);
