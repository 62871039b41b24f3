import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newKey } from '@sledge/core/host';
import { request } from 'undici';
import { makeFunction, startTransport } from './harness';
import type { Running } from './harness';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-keys-'));
const keysFile = path.join(folder, 'keys');
const shop = newKey('shop');
const kiosk = newKey('kiosk', ['other']);
const functions = [
  makeFunction(),
  makeFunction({ name: 'health', route: '/health', isOpen: true }),
  makeFunction({ name: 'other', route: '/other' }),
];
let running: Running;

function writeKeys(...lines: string[]): void {
  writeFileSync(keysFile, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  chmodSync(keysFile, 0o600);
}

beforeEach(async () => {
  writeKeys('# who may call', shop.line, '', kiosk.line);
  running = await startTransport([{ name: 'gwu', port: 0, functions, keysFile }]);
});
afterEach(() => running.stop());
afterAll(() => rmSync(folder, { recursive: true }));

async function call(headers: Record<string, string | string[]> = {}, at = '/fib') {
  const answer = await request(`${running.url}${at}`, { headers });
  const text = await answer.body.text();
  return { status: answer.statusCode, text, headers: answer.headers };
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

test('a key in either header lets a client call; its name is all the function sees', async () => {
  const extra = { 'x-other': '1' };
  for (const headers of [bearer(shop.secret), { 'x-api-key': shop.secret }]) {
    expect((await call({ ...headers, ...extra })).status).toBe(200);
  }
  const types = running.invoker.calls.map(({ environ }) => environ.get('AUTH_TYPE'));
  expect(types).toEqual(['Bearer', 'X-Api-Key']);
  for (const { environ, environCount } of running.invoker.calls) {
    expect([environ.get('REMOTE_USER'), environ.get('HTTP_X_OTHER')]).toEqual(['shop', '1']);
    expect([...environ].flat().join()).not.toContain(shop.secret);
    expect(environ.size).toBe(environCount);
  }
});

test.each([
  ['no key', {}],
  ['a key that is not there', bearer(newKey('x').secret)],
  ['a digest instead of its key', bearer(/[0-9a-f]{64}/.exec(shop.line)?.[0] ?? '')],
  ['Basic', { authorization: `Basic ${shop.secret}` }],
  ['a short key', bearer('slk_')],
  ['a very long key', bearer('k'.repeat(10_000))],
  ['two keys at once', { 'x-api-key': [shop.secret, shop.secret] }],
  ['the key with another letter', bearer(`${shop.secret.slice(0, -1)}!`)],
])('%s is 401, and nothing runs', async (_, headers) => {
  const { status, text, headers: answered } = await call(headers);
  expect([status, answered['www-authenticate']]).toEqual([401, 'Bearer realm="sledge"']);
  expect(JSON.parse(text)).toMatchObject({ code: 'SLEDGE_ERR_HTTP_KEY' });
  expect(running.invoker.calls).toHaveLength(0);
});

test('a key for other functions is 403; an open function needs none', async () => {
  const { status, text } = await call(bearer(kiosk.secret));
  expect([status, text]).toEqual([403, expect.stringContaining('SLEDGE_ERR_HTTP_KEY_FUNCTION')]);
  expect(text).not.toContain(kiosk.secret);
  expect((await call(bearer(kiosk.secret), '/other')).status).toBe(200);
  expect((await call({}, '/health')).status).toBe(200);
});

test('keys are those of the file as it is now; a wrong file leaves those before', async () => {
  const look = async (): Promise<void> => {
    for (let at = 0; at < 3; at += 1) await running.files.look();
  };
  await look();
  const next = newKey('shop');
  writeKeys(next.line);
  await look();
  expect((await call(bearer(shop.secret))).status).toBe(401);
  expect((await call(bearer(next.secret))).status).toBe(200);
  writeKeys(next.line, 'a line too many');
  await look();
  expect((await call(bearer(next.secret))).status).toBe(200);
  expect(running.transport.stats?.()).toMatchObject({ keys_reloads: 1, keys_reload_failures: 1 });
});

test('a file that others may read ends the start', async () => {
  chmodSync(keysFile, 0o644);
  const starting = startTransport([{ name: 'gwu', port: 0, functions, keysFile }]);
  await expect(starting).rejects.toMatchObject({ code: 'SLEDGE_ERR_KEYS_FILE' });
});

test('a new key is random, its line has its digest, and names are checked', () => {
  expect(shop.secret).toMatch(/^slk_[\w-]{43}$/);
  expect(newKey('shop').secret).not.toBe(shop.secret);
  expect(kiosk.line).toMatch(/^kiosk sha256:[0-9a-f]{64} other$/);
  expect(() => newKey('two words')).toThrow(/Names are of letters/);
});

test('a body is not waited for when its sender may not call', async () => {
  const answer = await request(`${running.url}/fib`, { method: 'POST', body: 'x'.repeat(90_000) });
  expect(answer.statusCode).toBe(401);
  await answer.body.dump();
});
