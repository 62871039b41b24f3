// Goal: a secret reaches its function, and nothing and nobody else.
// Method: one slot for all functions, so that others run where the secret has been; every text that
// a server gives is searched for it.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import { request } from 'undici';
import { root, Server } from './server';

const SECRET = 'open-sesame-4711-and-never-shown';
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-secrets-'));
const config = path.join(folder, 'sledge.config.json');
const sample = (name: string): string => path.join(root, 'functions', `${name}.wasm`);

beforeAll(() => {
  const wasm = path.join(folder, 'dump.wasm');
  execFileSync('wat2wasm', [path.join(__dirname, 'dump.wat'), '-o', wasm]);
  writeFileSync(path.join(folder, 'token'), `${SECRET}\n`, { mode: 0o600 });
  writeFileSync(config, JSON.stringify(configuration));
});
afterAll(() => Server.stopAll());

const dump = { name: 'dump', path: 'dump.wasm', route: '/dump' };
const secrets = { API_TOKEN: { file: './token' } };
const environ = { name: 'environ', path: sample('environ'), route: '/environ', secrets };
const configuration = {
  workers: { count: 1 },
  arena: { slots: 1 },
  tenants: [
    { name: 'a', port: 0, functions: [environ, dump] },
    { name: 'b', port: 0, functions: [dump, { ...environ, secrets: undefined }] },
  ],
};

function sledge(...args: string[]) {
  const cli = path.join(root, 'cli/bin/sledge.js');
  const options = { encoding: 'utf8', cwd: folder } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], options);
  return { status, text: stdout + stderr };
}

async function ask(url: string): Promise<string> {
  const answer = await request(url);
  return Buffer.from(await answer.body.arrayBuffer()).toString('latin1');
}

test('a function has its secrets; what runs in its slot after it does not see them', async () => {
  const server = await Server.start({ config: configuration, folder, set: ['log.level=trace'] });
  const [a = '', b = ''] = server.urls;
  for (let at = 0; at < 3; at += 1) {
    expect(await ask(`${a}/environ`)).toContain(`\nAPI_TOKEN=${SECRET}\n`);
    const others = [await ask(`${b}/dump`), await ask(`${b}/environ`), await ask(`${a}/dump`)];
    expect(others.map((text) => text.includes(SECRET))).toEqual([false, false, false]);
    expect(others[0]?.length).toBe(48 * 65_536 - 16);
  }
  const paths = ['/status', '/metrics.json', '/policies'];
  const shown = await Promise.all(paths.map((one) => askAdmin(server.control, { path: one })));
  await server.stop('SIGTERM');
  expect(JSON.stringify(shown) + server.log).not.toContain(SECRET);
});

test('check names the file of a secret, not what is in it; invoke passes it on', () => {
  prepare();
  const check = sledge('check', '-c', config);
  expect([check.status, check.text]).toEqual([0, expect.stringContaining('API_TOKEN')]);
  expect(check.text).toContain(path.join(folder, 'token'));
  expect(check.text).not.toContain(SECRET);
  for (const sandbox of process.env.SLEDGE_TEST_LONG === '1' ? ['v8', 'awsm'] : ['v8']) {
    const invoked = sledge('invoke', 'a/environ', '-c', config, '--set', `sandbox=${sandbox}`);
    expect(invoked.text).toContain(`API_TOKEN=${SECRET}`);
  }
});

test('a secret that others may read ends the start, and the error does not tell it', () => {
  chmodSync(path.join(prepare(), 'token'), 0o644);
  const { status, text } = sledge('start', '-c', config, '--no-control');
  expect([status, text]).toEqual([1, expect.stringContaining('SLEDGE_ERR_SECRET_FILE')]);
  expect(text).toContain('its mode is 0644');
  expect(text).not.toContain(SECRET);
});

/** The files again: a server that ends removes its folder. */
function prepare(): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'token');
  writeFileSync(file, `${SECRET}\n`);
  chmodSync(file, 0o600);
  writeFileSync(
    config,
    JSON.stringify({ tenants: [{ name: 'a', port: 0, functions: [environ] }] }),
  );
  return folder;
}
