/** What can go wrong while functions are deployed: compilers, disks, files, stores. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import { Server } from './server';
import { deploy, FUNCTION, moduleMaker, report, textOf, until } from './versions';

const answering = moduleMaker('answers.wat');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-faults-'));
const compiler = path.join(folder, 'clang');
const state = path.join(folder, 'state');
const file = path.join(folder, 'f.wasm');
const cache = path.join(folder, 'cache');
const store = path.join(folder, 'store.db');
const small: string[] = [];
let server: Server;
let url = '';
let modules = 0;

/** One that no cache has. */
const fresh = () => answering(`n${(modules += 1)}`);
const code = (name: string) => ({ code: `SLEDGE_ERR_${name}` });

/** A compiler that does what the file `state` says. */
const COMPILER = `#!/bin/sh
case "$1" in --version) exec clang-14 --version;; esac
case "$(cat ${state})" in
  kill) kill -9 $$;;
  wait) while [ "$(cat ${state})" = wait ]; do sleep 0.02; done;;
esac
exec clang-14 "$@"
`;

function compilerDoes(what: 'work' | 'kill' | 'wait'): void {
  writeFileSync(state, what);
}

function config(more: object = {}) {
  return {
    transports: [['http', {}]],
    arena: { slots: 64 },
    sandbox: ['awsm', { compiler }],
    build: { level: 'development', parallel: 1 },
    deploy: { queue: 0 },
    store: { path: store },
    tenants: [{ name: 'test', port: 0, functions: [{ name: 'f', path: file, route: '/f' }] }],
    ...more,
  };
}

async function start(more: object = {}, cacheDirectory = cache): Promise<void> {
  rmSync(path.join(folder, 'ready.json'), { force: true });
  const set = [`build.cacheDirectory=${cacheDirectory}`];
  server = await Server.start({ config: config(more), folder, set });
  url = `${server.url}/f`;
}

async function kill(): Promise<void> {
  server.process.kill('SIGKILL');
  await server.exited;
}

/** A file system of few bytes; undefined: it may not be mounted here. */
function smallDisk(name: string, size: string): string | undefined {
  const at = path.join(folder, name);
  mkdirSync(at);
  const mount = ['-t', 'tmpfs', '-o', `size=${size}`, 'none', at];
  if (process.getuid?.() !== 0 || spawnSync('mount', mount).status !== 0) return undefined;
  small.push(at);
  return at;
}

beforeAll(async () => {
  writeFileSync(compiler, COMPILER);
  chmodSync(compiler, 0o755);
  compilerDoes('work');
  writeFileSync(file, answering('v0'));
  await start();
}, 300_000);
afterAll(async () => {
  for (const at of small) spawnSync('umount', ['-l', at]);
  await Server.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

test('a compiler that is killed or missing ends that deployment, and no other', async () => {
  compilerDoes('kill');
  await expect(deploy(server, fresh())).rejects.toMatchObject({
    ...code('BUILD_COMPILER_FAILED'),
    message: expect.stringContaining('SIGKILL') as string,
  });
  compilerDoes('work');
  rmSync(compiler);
  // Where it lay is remembered for a moment: then it fails instead of being missed.
  await expect(deploy(server, fresh())).rejects.toMatchObject({
    code: expect.stringMatching(/^SLEDGE_ERR_BUILD_COMPILER_(MISSING|FAILED)$/) as string,
  });
  expect(await textOf(url)).toBe('200 v0');
  writeFileSync(compiler, COMPILER);
  chmodSync(compiler, 0o755);
  await deploy(server, answering('v1'));
  expect(await textOf(url)).toBe('200 v1');
});

test('more deployments than may wait are refused before their modules are read', async () => {
  compilerDoes('wait');
  const first = deploy(server, fresh());
  await until(async () => {
    const second = deploy(server, Buffer.alloc(0)).catch((error: { code: string }) => error.code);
    return (await second) === 'SLEDGE_ERR_CONTROL_BUSY';
  });
  compilerDoes('work');
  const { version } = await first;
  expect(version).toBe((await report(server)).version);
});

test('who leaves while it compiles or sends gives its place back', async () => {
  const before = await report(server);
  compilerDoes('wait');
  for (const sent of [fresh(), fresh().subarray(0, 50)]) {
    const socket = connect(server.control);
    const head = ['Host: x', 'Content-Type: application/wasm', `Content-Length: ${fresh().length}`];
    socket.write(`POST ${FUNCTION}/versions HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    socket.write(sent);
    const refused = () => deploy(server, Buffer.alloc(0)).catch((error: { code: string }) => error);
    await until(async () => (await refused()) !== undefined && isBusy(await refused()));
    socket.destroy();
    await until(async () => !isBusy(await refused()));
  }
  compilerDoes('work');
  expect(await report(server)).toEqual(before);
});

const isBusy = (error: unknown): boolean =>
  (error as { code?: string }).code === 'SLEDGE_ERR_CONTROL_BUSY';

test('a function file that is cut short while it is served is noticed when read', async () => {
  await deploy(server, answering('v2'));
  truncateSync(file, 20);
  await askAdmin(server.control, {
    method: 'POST',
    path: `${FUNCTION}/rollback`,
    body: { version: 0 },
  });
  expect(await textOf(url)).toBe('200 v0');
  // nothing is left of what was built of it; what serves has been loaded
  await deploy(server, answering('v2'));
  expect(await textOf(url)).toBe('200 v2');
  rmSync(cache, { recursive: true });
  const back = { method: 'POST', path: `${FUNCTION}/rollback`, body: { version: 0 } } as const;
  await expect(askAdmin(server.control, back)).rejects.toMatchObject({
    ...code('CONTROL_MODULE_GONE'),
    message: expect.stringContaining('is another one now') as string,
  });
  expect(await textOf(url)).toBe('200 v2');
  writeFileSync(file, answering('v0'));
});

test('a damaged store is told, the configuration is served, and changes are refused', async () => {
  await kill();
  writeFileSync(store, 'this is no database '.repeat(400));
  rmSync(`${store}-wal`, { force: true });
  await start();
  expect(server.log).toContain('SLEDGE_ERR_STORE_UNUSABLE');
  expect(await textOf(url)).toBe('200 v0');
  await expect(deploy(server, answering('v1'))).rejects.toMatchObject(code('STORE_UNUSABLE'));
  await expect(report(server)).resolves.toMatchObject({ source: 'config', version: 0 });
  await kill();
  rmSync(store);
});

test('a full disk, of the store or the cache, ends that deployment alone', async () => {
  const disk = smallDisk('disk', '1m');
  const cacheDisk = smallDisk('cache-disk', '1m');
  if (disk === undefined || cacheDisk === undefined) {
    console.log('skipped: no right to mount a small file system');
    return;
  }
  const filler = path.join(disk, 'filler');
  await start({ store: { path: path.join(disk, 's.db') } }, cacheDisk);
  await deploy(server, answering('v1'));
  writeFileSync(filler, Buffer.alloc(950_000));
  const large = Buffer.concat([answering('v2'), customSection(60_000)]);
  await expect(deploy(server, large)).rejects.toMatchObject(code('STORE_WRITE'));
  expect(await textOf(url)).toBe('200 v1');
  rmSync(filler);
  await deploy(server, large);
  expect(await textOf(url)).toBe('200 v2');
  const rest = path.join(cacheDisk, 'filler');
  spawnSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=4096']);
  await expect(deploy(server, fresh())).rejects.toMatchObject(code('BUILD_CACHE'));
  expect(await textOf(url)).toBe('200 v2');
  rmSync(rest);
  await deploy(server, answering('v3'));
  expect(await textOf(url)).toBe('200 v3');
});

/** One of no use, which makes a module longer. */
function customSection(bytes: number): Buffer {
  const section = Buffer.alloc(bytes, 'x');
  const length = (value: number) =>
    Buffer.from([(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, value >> 14]);
  return Buffer.concat([Buffer.from([0]), length(bytes + 2), Buffer.from([1, 0x78]), section]);
}
