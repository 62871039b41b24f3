import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync } from 'node:fs';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BIN, ROOT, serve, sledge } from './support/sledge';

// The real thing: real server, native sandboxes, real signals.
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-start-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FIBONACCI_SPEC =
  '[{"name":"GWU","port":10010,"routes":[{"route":"/fib","path":"fibonacci.wasm.so",' +
  '"expected-execution-us":6000,"relative-deadline-us":20000,' +
  '"http-resp-content-type":"text/plain"}]}]';
writeFileSync(path.join(folder, 'spec.json'), FIBONACCI_SPEC);

const fn = (name: string, wallTimeUs = 1_000_000) => ({
  name,
  path: path.join(ROOT, 'functions', `${name}.wasm`),
  route: `/${name}`,
  limits: { wallTimeUs },
});
const names = ['fibonacci', 'echo', 'exit', 'trap_unreachable'];
const config = {
  tenants: [
    { name: 'a', port: 0, functions: [...names.map((name) => fn(name)), fn('endless_loop', 3e7)] },
  ],
};
writeFileSync(path.join(folder, 'sledge.config.json'), JSON.stringify(config));

test("the seed README's spec is served as it is, on a free port where that is asked", async () => {
  const args = ['-c', 'spec.json', '--set', 'tenants.GWU.port=0'];
  const server = await serve(folder, args);
  expect(server.ready).toMatchObject({
    pid: server.child.pid,
    listeners: [
      { transport: 'http', tenant: 'GWU', url: expect.stringMatching(/:\d+$/) as string },
    ],
  });
  const answer = await fetch(`${server.url}/fib?10`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain']);
  expect(await answer.text()).toBe('55');
  const posted = await fetch(`${server.url}/fib`, { method: 'POST', body: '10' });
  expect(await posted.text()).toBe('55');
  expect(await server.end('SIGINT')).toBe(0);
  expect(existsSync(server.readyFile)).toBe(false);
});

test('what is in flight is answered before the server ends', async () => {
  const patient = ['--set', 'tenants.a.functions.fibonacci.limits.wallTimeUs=30000000'];
  const server = await serve(folder, patient);
  const { answer } = await server.begin(() => fetch(`${server.url}/fibonacci?36`));
  expect(await server.end('SIGTERM')).toBe(0);
  expect(await (await answer).text()).toBe('14930352');
});

test('what does not end within lifecycle.drainTimeoutMs is ended and answered', async () => {
  const server = await serve(folder, ['--set', 'lifecycle.drainTimeoutMs=200']);
  const { answer } = await server.begin(() => fetch(`${server.url}/endless_loop`));
  expect(await server.end('SIGTERM')).toBe(0);
  expect((await answer).status).toBeGreaterThanOrEqual(499);
});

test('a second signal ends the server at once, one that npm repeats does not', async () => {
  const server = await serve(folder, ['--set', 'lifecycle.drainTimeoutMs=60000']);
  const call = () => fetch(`${server.url}/endless_loop`).catch(() => 'gone');
  const { answer } = await server.begin(call);
  server.child.kill('SIGINT');
  server.child.kill('SIGINT');
  await server.hasSaid('draining');
  await delay(600);
  expect(server.child.exitCode).toBeNull();
  expect(await server.end('SIGINT')).toBe(130);
  expect(await answer).toBe('gone');
});

test('a ready file that cannot be written ends the start with its own error', () => {
  const { status, stderr } = sledge(folder, ['start', '--ready-file', './missing/ready.json']);
  expect(status).toBe(1);
  expect(stderr).toContain('SLEDGE_ERR_CLI_READY_FILE');
});

test('a port that is taken ends the start with its address', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { status, stderr } = sledge(folder, ['start', '--set', `tenants.a.port=${port}`]);
  other.close();
  expect(status).toBe(1);
  expect(stderr).toContain('SLEDGE_ERR_HTTP_LISTEN');
  expect(stderr).toContain(String(port));
});

const invoke = (args: string[], input?: string) => sledge(folder, ['invoke', ...args], input);

test('invoke calls a function in this process and ends as it did', () => {
  expect(invoke(['fibonacci', '10'])).toMatchObject({ status: 0, stdout: '55' });
  expect(invoke(['a/echo'], 'from stdin')).toMatchObject({ status: 0, stdout: 'from stdin' });
  expect(invoke(['exit', '7'])).toMatchObject({ status: 7 });
  const trapped = invoke(['trap_unreachable']);
  expect(trapped.status).toBe(132);
  expect(trapped.stderr).toContain('SLEDGE_ERR_INVOKE_TRAPPED The function trapped: unreachable.');
  const limit = ['--set', 'tenants.a.functions.endless_loop.limits.wallTimeUs=100000'];
  expect(invoke(['endless_loop', ...limit])).toMatchObject({ status: 124 });
  const json = JSON.parse(invoke(['fibonacci', '10', '--json']).stdout) as object;
  expect(json).toMatchObject({ status: 'completed', exitCode: 0, output: '55' });
});

test('invoke does the same on the sandbox v8', () => {
  const v8 = ['--set', 'sandbox=v8'];
  expect(invoke([...v8, 'fibonacci', '10'])).toMatchObject({ status: 0, stdout: '55' });
  expect(invoke([...v8, 'exit', '7'])).toMatchObject({ status: 7 });
});

test('invoke names the nearest function, and needs no other to build', () => {
  const { status, stderr } = sledge(folder, ['invoke', 'fibonaci']);
  expect(status).toBe(1);
  expect(stderr).toContain('did you mean fibonacci?');
});

test("a C function of one's own is built and invoked; its stderr comes out", () => {
  const code = `#include <stdio.h>
int main(int argc, char **argv) { fprintf(stderr, "a word on stderr"); puts(argv[1]); return 3; }
`;
  writeFileSync(path.join(folder, 'own.c'), code);
  expect(sledge(folder, ['build', 'own.c'])).toMatchObject({ status: 0 });
  const own = { tenants: [{ name: 'me', functions: [{ name: 'own', path: 'own.wasm' }] }] };
  writeFileSync(path.join(folder, 'own.json'), JSON.stringify(own));
  const { status, stdout, stderr } = sledge(folder, ['invoke', '-c', 'own.json', 'own', 'said']);
  expect([status, stdout]).toEqual([3, 'said\n']);
  expect(stderr).toContain('a word on stderr');
});

test('a ready file that a killed server left is gone until the next one serves', () => {
  const ready = path.join(folder, 'stale.json');
  writeFileSync(ready, '{"pid":1}');
  const args = ['start', '-c', 'missing.json', '--ready-file', ready];
  expect(sledge(folder, args).status).toBe(3);
  expect(existsSync(ready)).toBe(false);
});

test('a server whose log goes to a full disk serves on', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const server = await serve(folder, [], full);
    for (let call = 0; call < 3; call += 1) {
      // its complaint goes to the log
      expect((await fetch(`${server.url}/fibonacci?x`)).status).toBe(502);
    }
    expect(await (await fetch(`${server.url}/fibonacci?10`)).text()).toBe('55');
    expect(await server.end('SIGINT')).toBe(0);
  } finally {
    closeSync(full);
  }
});

test('invoke takes no more standard input than limits.bodyBytes', () => {
  const args = ['invoke', 'echo', '--set', 'tenants.a.functions.echo.limits.bodyBytes=4'];
  expect(sledge(folder, args, 'four')).toMatchObject({ status: 0, stdout: 'four' });
  const { status, stderr } = sledge(folder, args, 'five!');
  expect(status).toBe(2);
  expect(stderr).toContain('larger than limits.bodyBytes, 4 bytes');
});

test('Ctrl+C while functions are built ends the start, and leaves nothing', async () => {
  const cache = path.join(folder, 'cold');
  const args = [
    BIN,
    'start',
    '--set',
    `build.cacheDirectory=${cache}`,
    '--set',
    'build.parallel=1',
  ];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit');
  const limit = performance.now() + 120_000;
  while (!log.includes('built a/fibonacci') && performance.now() < limit) await delay(5);
  child.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
  expect(log).toContain('SIGINT: it had not served yet');
  expect(log).not.toContain('built a/endless_loop');
  expect(readdirSync(cache).filter((name) => name.startsWith('.build'))).toEqual([]);
});
