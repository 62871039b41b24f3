import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { request } from 'undici';
import { configOf, root, Server } from './server';

afterAll(() => Server.stopAll());

/** A transport without listeners that stops as it is told. */
function transport(folder: string, stop: string): string {
  const file = path.join(folder, 'transport-own.cjs');
  writeFileSync(
    file,
    `const { definePlugin, z } = require(${JSON.stringify(path.join(root, 'core'))});
     module.exports = definePlugin({
       name: 'transport-own', kind: 'transport', apiVersion: 1, options: z.object({}),
       create: () => ({
         async start() {}, async drain() {}, ${stop}, listeners: () => [],
       }),
     });`,
  );
  return file;
}

test('a transport whose port is taken leaves the others serving; the exit code is 6', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
  const config = configOf(['fibonacci'], {
    transports: [['http', {}], transport(folder, 'async stop() {}')],
    admin: { socket: 'admin.sock' },
  });
  const server = await Server.start({ config, folder, set: [`tenants.test.port=${port}`] });
  other.close();
  expect(server.log).toContain('SLEDGE_ERR_HTTP_LISTEN');
  expect(server.log).toContain(String(port));
  expect(server.urls).toEqual([]);
  expect(await server.stop()).toMatchObject({ code: 6 });
});

test('a plugin that hangs at stop is given up at its limit, and the exit code is 7', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
  const hangs = transport(folder, 'stop: () => new Promise(() => undefined)');
  const config = configOf(['fibonacci'], {
    transports: [['http', {}], hangs],
    lifecycle: { stopTimeoutMs: 200 },
  });
  const server = await Server.start({ config, folder });
  const answer = await request(`${server.url}/fibonacci?10`);
  expect(await answer.body.text()).toBe('55');
  expect(await server.stop()).toMatchObject({ code: 7 });
  expect(server.log).toContain('SLEDGE_ERR_PLUGIN_TIMEOUT');
});
