import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import { Agent, request } from 'undici';
import { configOf, root, Server } from './server';

afterAll(() => Server.stopAll());

const endless = { name: 'endless_loop', limits: { wallTimeUs: 60_000_000 } };

/** A transport that starts once a file is there. */
function waitingTransport(folder: string, file: string): string {
  const plugin = path.join(folder, 'transport-waiting.cjs');
  const core = path.join(root, 'core');
  writeFileSync(
    plugin,
    `const { definePlugin, z } = require(${JSON.stringify(core)});
     const { existsSync } = require('node:fs');
     module.exports = definePlugin({
       name: 'transport-waiting', kind: 'transport', apiVersion: 1, options: z.object({}),
       create: () => ({
         async start() {
           while (!existsSync(${JSON.stringify(file)})) await new Promise((r) => setTimeout(r, 5));
         },
         async drain() {}, async stop() {}, listeners: () => [],
       }),
     });`,
  );
  return plugin;
}

async function readiness(socketPath: string): Promise<[number, string]> {
  const dispatcher = new Agent({ connect: { socketPath } });
  try {
    const answer = await request('http://sledge/readyz', { dispatcher });
    return [answer.statusCode, ((await answer.body.json()) as { status: string }).status];
  } finally {
    await dispatcher.close();
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('it never became so');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('probes say starting, serving, draining; a second SIGTERM ends at once with 143', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
  const [socket, go] = [path.join(folder, 'admin.sock'), path.join(folder, 'go')];
  const transports = [['http', {}], waitingTransport(folder, go)];
  const config = configOf([endless], {
    transports,
    admin: { socket: 'admin.sock' },
    lifecycle: { drainTimeoutMs: 60_000, startTimeoutMs: 60_000 },
  });
  const starting = Server.start({ config, folder });
  await until(() => existsSync(socket));
  expect(await readiness(socket)).toEqual([503, 'starting']);
  writeFileSync(go, '');
  const server = await starting;
  expect(await readiness(socket)).toEqual([200, 'serving']);
  const inFlight = request(`${server.url}/endless_loop`).catch(() => undefined);
  await until(async () => {
    const { inFlight: count } = (await askAdmin(socket, { path: '/status' })) as never;
    return count === 1;
  });
  server.process.kill('SIGTERM');
  await until(async () => (await readiness(socket))[0] === 503);
  expect(await readiness(socket)).toEqual([503, 'draining']);
  await new Promise((resolve) => setTimeout(resolve, 400)); // nearer than 300 ms they are one
  server.process.kill('SIGTERM');
  expect(await server.exited).toEqual({ code: 143, signal: null });
  await inFlight;
  await server.stop();
});

test('a taken admin port ends the start with exit code 1 and says where', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
  const file = path.join(folder, 'sledge.config.json');
  writeFileSync(file, JSON.stringify({ admin: { port } }));
  const sledge = path.join(root, 'cli/bin/sledge.js');
  const { status, stderr } = spawnSync(process.execPath, [sledge, 'start', '-c', file], {
    encoding: 'utf8',
  });
  other.close();
  expect([status, stderr]).toEqual([1, expect.stringContaining('SLEDGE_ERR_ADMIN_LISTEN')]);
  expect(stderr).toContain(`127.0.0.1:${port}`);
});
