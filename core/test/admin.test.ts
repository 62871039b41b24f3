import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { request } from 'undici';
import { openAdmin } from '../src/admin';
import type { AdminListener, Phase } from '../src/admin';
import { bearerTokens } from '../src/admin/access';
import { configFromObject } from '../src/config/load-config';
import { SledgeError } from '../src/errors/sledge-error';
import { askAdmin, askControl } from '../src/server/control';
import { fakeTarget } from './support/admin-target';

/** ESM alone: jest does not load it. */
const validator = path.join(
  path.dirname(require.resolve('@seriousme/openapi-schema-validator/package.json')),
  'bin/validate-api-cli.js',
);
const READER = 'reader-0123456789abcdef';
const OPERATOR = 'operator-0123456789abcdef';
let folder = '';
let tokensFile = '';
const opened: AdminListener[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sledge-admin-'));
  tokensFile = tokens(`# who may what\n\nreader ${READER}\noperator ${OPERATOR}\n`);
});
afterEach(() => Promise.all(opened.splice(0).map((listener) => listener.close())));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function tokens(text: string, mode = 0o600): string {
  const file = path.join(folder, `tokens-${(files += 1)}`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

async function open(
  admin: { port?: number; socket?: string; tokensFile?: string },
  target = fakeTarget(),
): Promise<string> {
  const { config } = configFromObject({ admin });
  const listeners = await openAdmin(target, config.admin);
  opened.push(...listeners);
  return listeners[0]?.url ?? '';
}

interface Asked {
  method?: 'GET' | 'PUT';
  token?: string;
  body?: unknown;
  host?: string;
}

async function ask(url: string, { method = 'GET', token, body, host }: Asked = {}) {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (host !== undefined) headers.host = host;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const options = { method, headers, ...(body === undefined ? {} : { body: text }) };
  const answer = await request(url, options);
  const said = (await answer.body.json()) as { status?: string; error?: { code: string } };
  return { status: answer.statusCode, said, headers: answer.headers, code: said.error?.code };
}

const change = { kind: 'dispatcher', choice: 'rr' };

test('readiness is 503 until it serves and from when it drains; liveness is 200', async () => {
  const target = fakeTarget();
  const url = await open({ port: 0 }, target);
  const phases: Phase[] = ['starting', 'serving', 'draining', 'stopped'];
  const seen = [];
  for (const phase of phases) {
    target.phase = phase;
    const { status, said } = await ask(`${url}/readyz`);
    seen.push([status, said.status, (await ask(`${url}/livez`)).status]);
  }
  expect(seen).toEqual([
    [503, 'starting', 200],
    [200, 'serving', 200],
    [503, 'draining', 200],
    [503, 'stopped', 200],
  ]);
});

test('with tokens a reader reads, an operator changes, anybody may ask the probes', async () => {
  const target = fakeTarget();
  const url = await open({ port: 0, tokensFile }, target);
  const put = { method: 'PUT', body: change } as const;
  const statuses = async (token?: string) => {
    const with_ = token === undefined ? {} : { token };
    return [
      (await ask(`${url}/readyz`, with_)).status,
      (await ask(`${url}/policies`, with_)).status,
      (await ask(`${url}/openapi.json`, with_)).status,
      (await ask(`${url}/policies`, { ...put, ...with_ })).status,
    ];
  };
  expect(await statuses()).toEqual([200, 401, 401, 401]);
  expect(await statuses(`${READER}x`)).toEqual([200, 401, 401, 401]);
  expect(await statuses(READER)).toEqual([200, 200, 200, 403]);
  expect(target.changes).toEqual([]);
  expect(await statuses(OPERATOR)).toEqual([200, 200, 200, 200]);
  expect(target.changes).toEqual([['dispatcher', 'rr', undefined, 'own']]);
  const { headers } = await ask(`${url}/policies`);
  expect(headers['www-authenticate']).toContain('Bearer');
});

test('without tokens the port is for reading, and for no name but localhost', async () => {
  const url = await open({ port: 0 });
  expect((await ask(`${url}/policies`)).status).toBe(200);
  expect(await ask(`${url}/policies`, { method: 'PUT', body: change })).toMatchObject({
    status: 403,
    code: 'SLEDGE_ERR_ADMIN_FORBIDDEN',
  });
  expect((await ask(`${url}/policies`, { host: 'localhost:1' })).status).toBe(200);
  expect(await ask(`${url}/policies`, { host: 'evil.example' })).toMatchObject({
    status: 421,
    code: 'SLEDGE_ERR_ADMIN_HOST',
  });
});

test('a socket is for its user alone, who may change', async () => {
  const socket = path.join(folder, 'admin.sock');
  const target = fakeTarget();
  await open({ socket }, target);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  await askControl(socket, { kind: 'dispatcher', choice: ['rr', { a: 1 }], group: 'b' });
  expect(target.changes).toEqual([['dispatcher', ['rr', { a: 1 }], 'b', 'any']]);
  await expect(askAdmin(socket, { path: '/nothing' })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_ADMIN_NO_ROUTE',
  });
});

test('what is no change of policy is refused with what is wrong', async () => {
  const socket = path.join(folder, 'refuses.sock');
  const target = fakeTarget();
  const [url] = [await open({ port: 0, tokensFile }, target), await open({ socket }, target)];
  const bodies = ['', '{', '[]', 'null', '{"kind":"cook","choice":"rr"}', '"'.repeat(70_000)];
  for (const body of [...bodies, { ...change, more: 1 }, { ...change, choice: '' }]) {
    const answer = await ask(`${url}/policies`, { method: 'PUT', body, token: OPERATOR });
    expect(answer).toMatchObject({ status: 400, code: 'SLEDGE_ERR_ADMIN_REQUEST' });
  }
  target.failure = new SledgeError('SLEDGE_ERR_PLUGIN_NOT_FOUND', { plugin: 'x', hint: '' });
  await expect(askControl(socket, { kind: 'scheduler', choice: 'x' })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_PLUGIN_NOT_FOUND',
  });
  target.failure = new Error('nobody thought of it');
  await expect(askControl(socket, { kind: 'scheduler', choice: 'x' })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_INTERNAL',
  });
  expect(target.changes).toEqual([]);
});

test.each([
  ['PUT', '/tenants/t', {}],
  ['DELETE', '/tenants/t', undefined],
  ['DELETE', '/tenants/t/functions/f', undefined],
  ['POST', '/tenants/t/functions/f/rollback', {}],
  ['PUT', '/tenants/t/functions/f/split', { versions: [{ version: 1, weight: 1 }] }],
  ['PUT', '/cluster/tenants/t', {}],
  ['DELETE', '/cluster/tenants/t', undefined],
  ['DELETE', '/cluster/tenants/t/functions/f', undefined],
  ['POST', '/cluster/tenants/t/functions/f/rollback', {}],
  ['PUT', '/cluster/tenants/t/functions/f/split', { versions: [{ version: 1, weight: 1 }] }],
  ['PUT', '/cluster/policies', change],
  ['PUT', '/cluster/nodes/n', { isTaking: true }],
  ['POST', '/invocations', { function: 'f' }],
] as const)('%s %s may wait for compilers and nodes in silence', async (method, place, body) => {
  const socket = path.join(folder, 'waits.sock');
  const target = fakeTarget();
  let asking: Socket | undefined;
  const onStart = (message: unknown) => (asking = (message as { socket: Socket }).socket);
  subscribe('http.server.request.start', onStart);
  const timeouts: unknown[] = [];
  const get = () => async (): Promise<never> => {
    timeouts.push(asking?.timeout);
    throw new SledgeError('SLEDGE_ERR_CONTROL_BUSY', { limit: 1 });
  };
  const busy = new Proxy({}, { get }) as never;
  await open({ socket }, Object.defineProperties(target, { control: { value: busy } }));
  Object.assign(target, { cluster: busy, invoke: get() });
  const asked = askAdmin(socket, { method, path: place, body });
  await expect(asked).rejects.toMatchObject({ code: 'SLEDGE_ERR_CONTROL_BUSY' });
  unsubscribe('http.server.request.start', onStart);
  expect(timeouts).toEqual([0]);
});

test.each([
  ['null', 'null'],
  ['{"error":{"code":"SLEDGE_ERR_OF_TOMORROW","message":"no"}}', 'it refuses: SLEDGE_ERR_OF_TOM'],
  ['{"error":{"code":"toString"}}', 'it refuses: toString'],
])('an answer of a server of another version, %s, is told', async (answer, told) => {
  const socket = path.join(folder, 'other.sock');
  const other = createServer((_request, response) => void response.end(answer)).listen(socket);
  await once(other, 'listening');
  const said = await askAdmin(socket, { path: '/' }).catch((error: SledgeError) => error.message);
  expect(String(said)).toContain(told);
  other.close();
});

test('the document of the API is valid OpenAPI and names every route', async () => {
  const url = await open({ port: 0 });
  const answer = await request(`${url}/openapi.json`);
  const document = (await answer.body.json()) as { paths: Record<string, object> };
  const file = path.join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));
  const checked = spawnSync(process.execPath, [validator, file], { encoding: 'utf8' });
  expect([checked.status, checked.stderr]).toEqual([0, '']);
  const routes = Object.entries(document.paths).flatMap(([at, methods]) =>
    Object.keys(methods).map((method) => `${method} ${at}`),
  );
  expect(routes).toEqual(
    expect.arrayContaining(['get /livez', 'get /readyz', 'get /status', 'put /policies']),
  );
});

test('a taken port is told by name, so is a path that cannot be, none stays open', async () => {
  const url = await open({ port: 0 });
  const { port } = new URL(url);
  await expect(open({ port: Number(port) })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_ADMIN_LISTEN',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
  const socket = path.join(folder, 'none', 'admin.sock');
  await expect(open({ port: 0, socket })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_ADMIN_LISTEN',
    details: { address: socket },
  });
});

test('tokens come from a file that others can neither write nor read', () => {
  const line = `operator ${OPERATOR}\n`;
  const link = path.join(folder, 'link');
  symlinkSync(tokensFile, link);
  for (const file of [tokens(line, 0o400), tokens(line, 0o640), link]) bearerTokens(file);
  const wrong: [string, string][] = [
    [tokens(line, 0o644), 'its mode is 0644'],
    [tokens(line, 0o660), 'its mode is 0660'],
    [tokens(`admin ${OPERATOR}\n`), 'line 1'],
    [tokens(`${line}operator short\n`), 'line 2'],
    [tokens('# none\n'), 'no token'],
    [tokens(line.repeat(257)), 'more than 256'],
    [tokens(`${line}#${'x'.repeat(65_536)}`), 'longer than'],
    [folder, 'no regular file'],
    [path.join(folder, 'nothing'), 'ENOENT'],
  ];
  for (const [file, reason] of wrong) {
    expect(() => bearerTokens(file)).toThrow(
      expect.objectContaining({
        code: 'SLEDGE_ERR_ADMIN_TOKENS',
        message: expect.stringContaining(reason),
      }),
    );
  }
});

test('a port that others reach is refused without tokens', () => {
  const at = (host: string, more = {}) => configFromObject({ admin: { host, port: 1, ...more } });
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) at(host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'edge.example', '127.evil.example']) {
    expect(() => at(host)).toThrow(/admin\.host: .*needs admin\.tokensFile/);
    at(host, { tokensFile });
  }
});
