/** Policies are exchanged from the command line while a server answers. */
import { execFile } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { askOn } from './ask-on';
import { Server, root } from './server';

const run = promisify(execFile);

const CONFIG = {
  workers: { count: 2 },
  arena: { slots: 64 },
  dispatcher: 'rr',
  tenants: [
    {
      name: 'gwu',
      port: 0,
      functions: [
        { name: 'fib', path: path.join(root, 'functions/fibonacci.wasm'), route: '/fib' },
        {
          name: 'loop',
          path: path.join(root, 'functions/endless_loop.wasm'),
          route: '/loop',
          limits: { wallTimeUs: 60_000_000 },
        },
      ],
    },
  ],
};

let server: Server;
beforeAll(async () => {
  server = await Server.start({ config: CONFIG });
}, 300_000);
afterAll(() => Server.stopAll());

async function sledge(...args: string[]): Promise<string> {
  const bin = path.join(root, 'cli/bin/sledge.js');
  const all = [bin, 'policy', ...args, '--socket', server.control, '--json'];
  return (await run(process.execPath, all)).stdout;
}

test('no request is lost while policies are exchanged beside an endless one', async () => {
  const ending = new AbortController();
  const endless = fetch(`${server.url}/loop`, { signal: ending.signal }).catch(() => undefined);
  const asking = askOn(server.url);
  for (const change of [
    ['dispatcher', 'jsq'],
    ['scheduler', 'edf'],
    ['dispatcher', 'edf-interrupt'],
    ['dispatcher', 'lld'],
    ['scheduler', 'fifo'],
  ]) {
    await sledge('set', ...change);
  }
  const shown = JSON.stringify(JSON.parse(await sledge('show')));
  const { right, wrong } = await asking.stop();
  ending.abort();
  await endless;
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThan(0);
  expect(shown).toContain('dispatch-lld');
  expect(shown).toContain('sched-fifo');
}, 120_000);

test('a policy that does not go with the others is refused, and nothing changes', async () => {
  await sledge('set', 'scheduler', 'edf');
  await expect(sledge('set', 'dispatcher', 'global-queue')).rejects.toMatchObject({
    stdout: expect.stringContaining('SLEDGE_ERR_PLUGIN_CAPABILITY') as string,
  });
  await expect(sledge('set', 'dispatcher', 'edf-interupt')).rejects.toMatchObject({
    stdout: expect.stringContaining('edf-interrupt') as string,
  });
  expect(await sledge('show')).toContain('dispatch-lld');
}, 120_000);

test("the control socket is this user's alone", () => {
  expect(statSync(server.control).mode & 0o777).toBe(0o600);
});

test('a path that is no socket is not overwritten', async () => {
  const file = path.join(server.folder, 'precious.txt');
  writeFileSync(file, 'precious');
  const bin = path.join(root, 'cli/bin/sledge.js');
  const config = path.join(server.folder, 'sledge.config.json');
  await expect(
    run(process.execPath, [bin, 'start', '-c', config, '--control', file]),
  ).rejects.toMatchObject({ stderr: expect.stringContaining('SLEDGE_ERR_CLI_CONTROL') as string });
  expect(statSync(file).size).toBe('precious'.length);
}, 120_000);
