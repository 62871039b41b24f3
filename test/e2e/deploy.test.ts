/** Functions are deployed, split, rolled back and taken out while a server answers. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { main } from '@sledge/cli';
import { askAdmin } from '@sledge/core/host';
import { root, Server } from './server';
import { deploy, FUNCTION, hammer, moduleMaker, report, textOf, until } from './versions';

const answering = moduleMaker('answers.wat');
const waiting = moduleMaker('waits-and-answers.wat');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-deploy-'));
let server: Server;
let url = '';

function configOf(more: object = {}) {
  const file = path.join(folder, 'f.wasm');
  writeFileSync(file, answering('v0'));
  const limits = { wallTimeUs: 60_000_000 };
  return {
    transports: [['http', {}]],
    arena: { slots: 64 },
    build: { level: 'development', parallel: 1 },
    deploy: { queue: 1, moduleBytes: 100_000 },
    tenants: [
      { name: 'test', port: 0, functions: [{ name: 'f', path: file, route: '/f', limits }] },
      { name: 'other', port: 0 },
    ],
    ...more,
  };
}

beforeAll(async () => {
  server = await Server.start({ config: configOf(), folder });
  url = `${server.url}/f`;
}, 300_000);
afterAll(() => Server.stopAll());

const put = (at: string, body: object) =>
  askAdmin(server.control, { method: 'PUT', path: at, body });
/** A call that is seen in flight: one that was over before anybody looked is made again. */
async function begun(): Promise<{ answer: Promise<string> }> {
  for (;;) {
    let isOver = false;
    const answer = textOf(url).finally(() => (isOver = true));
    while (!isOver) {
      const { inFlight } = (await askAdmin(server.control, { path: '/status' })) as {
        inFlight: number;
      };
      if (inFlight === 1) return { answer };
    }
    await answer;
  }
}
const rollback = (body: object = {}) =>
  askAdmin(server.control, { method: 'POST', path: `${FUNCTION}/rollback`, body });

test('nothing is lost while a function is deployed, split, rolled back and taken out', async () => {
  const asking = hammer(url);
  const { texts } = asking.seen;
  const answers = (text: string) => until(() => texts.has(text));
  const onlyNow = async (text: string): Promise<void> => {
    expect(await textOf(url)).toBe(`200 ${text}`);
    texts.clear();
    await answers(text);
  };
  await answers('v0');
  await deploy(server, answering('v1'));
  await onlyNow('v1');
  await deploy(server, answering('v2'), { query: { split: '25' } });
  texts.clear();
  await until(() => (texts.get('v2') ?? 0) > 50);
  const [, trial] = (await report(server)).split?.versions ?? [];
  expect(trial).toMatchObject({ version: 2, weight: 25, errors: 0 });
  const share = (texts.get('v2') ?? 0) / ((texts.get('v1') ?? 0) + (texts.get('v2') ?? 0));
  expect(share).toBeCloseTo(0.25, 1);
  await put(`${FUNCTION}/split`, { versions: [{ version: 2, weight: 1 }] });
  await onlyNow('v2');
  await rollback();
  await onlyNow('v1');
  await rollback();
  await onlyNow('v0');
  await rollback({ version: 2 });
  await onlyNow('v2');
  for (let turn = 0; turn < 10; turn += 1) await deploy(server, answering(`v${turn % 3}`));
  expect((await report(server)).versions).toHaveLength(11);
  await askAdmin(server.control, { method: 'DELETE', path: FUNCTION });
  await onlyNow('v0');
  const { count, wrong } = await asking.stop();
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(200);
}, 120_000);

test('what runs, and what is still being received, is answered across a deploy', async () => {
  await deploy(server, waiting('slow'));
  const late = request(url, { method: 'POST', headers: { 'content-length': 2 } });
  late.write('a');
  const running = await begun();
  await deploy(server, answering('next'));
  expect(await textOf(url)).toBe('200 next');
  expect(await running.answer).toBe('200 slow');
  const received = new Promise<string>((resolve) => {
    late.on('response', (answer) => answer.on('data', (text: Buffer) => resolve(text.toString())));
  });
  late.end('b');
  expect(await received).toBe('next');
}, 120_000);

test('a version with too many errors is given up by itself, and says why', async () => {
  await deploy(server, answering('good'));
  const bad = readFileSync(path.join(root, 'functions/trap_unreachable.wasm'));
  const query = { split: '50', errorRate: '0.1', requests: '20' };
  const { versions } = await deploy(server, bad, { query });
  const statuses = [];
  for (let count = 0; count < 12; count += 1) statuses.push((await textOf(url)).slice(0, 3));
  // every second one, until a third error makes more than a tenth of 20 certain
  expect(statuses.join(' ')).toBe('200 500 200 500 200 500 200 200 200 200 200 200');
  const { split, events } = await report(server);
  expect(split).toBeNull();
  expect(events.at(-1)).toMatchObject({
    action: 'given-up',
    version: versions.at(-1)?.version,
    reason: '3 errors in 3 requests, where 2 of 20 are allowed',
  });
}, 120_000);

test('a tenant is made, has functions on its own port, and goes with them', async () => {
  const made = (await put('/tenants/new', { port: 0 })) as { listeners: { url: string }[] };
  const at = '/tenants/new/functions/f';
  await deploy(server, answering('mine'), { at });
  const own = `${made.listeners[0]?.url}/f`;
  const asking = hammer(url);
  expect(await textOf(own)).toBe('200 mine');
  const { port } = new URL(made.listeners[0]?.url ?? '');
  await expect(put('/tenants/third', { port: Number(port) })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_HTTP_LISTEN',
  });
  const names = (await askAdmin(server.control, { path: '/tenants' })) as { name: string }[];
  expect(names.map(({ name }) => name)).toEqual(['test', 'other', 'new']);
  await askAdmin(server.control, { method: 'DELETE', path: '/tenants/new' });
  expect((await asking.stop()).wrong).toEqual([]);
  // a connection that is still open is told that its listener drains
  expect(await textOf(own).catch(() => 'refused')).not.toContain('mine');
  await expect(report(server, at)).rejects.toMatchObject({ code: 'SLEDGE_ERR_CONTROL_TENANT' });
}, 120_000);

test('what cannot be deployed is refused by name, and what served serves on', async () => {
  const before = await textOf(url);
  const good = answering('v1');
  const elf = Buffer.from('\x7fELF....');
  const code = (name: string) => ({ code: `SLEDGE_ERR_${name}` });
  const query = (settings: object) => ({ query: { settings: JSON.stringify(settings) } });
  const refusals: [Promise<unknown>, string][] = [
    [deploy(server, elf), 'CONTROL_NOT_WASM'],
    [deploy(server, Buffer.alloc(0)), 'CONTROL_NOT_WASM'],
    [deploy(server, good.subarray(0, good.length - 9)), 'BUILD_MALFORMED'],
    [deploy(server, Buffer.alloc(100_001)), 'CONTROL_TOO_LARGE'],
    [deploy(server, good, query({ rout: '/f' })), 'CONTROL_SETTINGS'],
    [deploy(server, good, { query: { settings: '[]' } }), 'ADMIN_REQUEST'],
    [deploy(server, good, { query: { split: '100' } }), 'ADMIN_REQUEST'],
    [deploy(server, good, { at: '/tenants/tset/functions/f' }), 'CONTROL_TENANT'],
    [deploy(server, good, { at: '/tenants/test/functions/g/../f' }), 'ADMIN_NO_ROUTE'],
    [rollback({ version: 99 }), 'CONTROL_VERSION'],
    [put('/tenants/test', { port: 1 }), 'CONTROL_OF_CONFIG'],
    [put('/tenants/x', { prot: 1 }), 'CONTROL_SETTINGS'],
    [put(`${FUNCTION}/split`, { versions: [{ version: 0, weight: 0 }] }), 'ADMIN_REQUEST'],
    [askAdmin(server.control, { path: '/tenants/test/functions/g' }), 'CONTROL_FUNCTION'],
  ];
  for (const [asked, name] of refusals) await expect(asked).rejects.toMatchObject(code(name));
  const at = '/tenants/test/functions/g';
  await expect(deploy(server, good, { at, ...query({ route: '/f/' }) })).rejects.toMatchObject({
    message: expect.stringContaining('GET /f/ is answered by f') as string,
  });
  expect(await textOf(url)).toBe(before);
}, 120_000);

/** A command in this process: it prints one JSON document. */
async function sledge(...args: string[]): Promise<unknown> {
  let printed = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    await main([...args, '--socket', server.control, '--json']);
  } finally {
    write.mockRestore();
  }
  const code = process.exitCode;
  process.exitCode = undefined;
  return code === undefined ? JSON.parse(printed) : { code, ...(JSON.parse(printed) as object) };
}

test('the commands do the same', async () => {
  const file = path.join(folder, 'cli.wasm');
  const own = ['--tenant', 'test'];
  for (const text of ['one', 'two']) {
    writeFileSync(file, answering(text));
    await sledge('deploy', file, ...own, '--route', '/c');
  }
  expect(await textOf(`${server.url}/c`)).toBe('200 two');
  await sledge('rollback', 'cli', ...own);
  expect(await textOf(`${server.url}/c`)).toBe('200 one');
  const rule = ['--error-rate', '0.5', '--requests', '7'];
  expect(await sledge('split', 'cli', ...own, '1=1', '2=3', ...rule)).toMatchObject({
    split: {
      versions: [
        { version: 1, weight: 1 },
        { version: 2, weight: 3 },
      ],
      rollback: { errorRate: 0.5, requests: 7 },
    },
  });
  expect(await sledge('tenants', 'test')).toMatchObject([
    { name: 'f' },
    { name: 'cli', source: 'deployed', route: '/c' },
  ]);
  expect(await sledge('tenants', 'tset')).toMatchObject({
    code: 1,
    error: { code: 'SLEDGE_ERR_CONTROL_TENANT', details: { hint: '; did you mean test?' } },
  });
  await sledge('undeploy', 'cli', ...own);
  expect(await sledge('undeploy', 'cli', ...own)).toMatchObject({
    code: 1,
    error: { code: 'SLEDGE_ERR_CONTROL_FUNCTION' },
  });
  expect(
    await sledge('tenants', 'set', 'mine', '--settings', '{"limits":{"queued":1}}'),
  ).toMatchObject({ name: 'mine', source: 'deployed' });
  expect(await sledge('tenants', 'remove', 'mine')).toEqual({ status: 'done' });
  expect(await sledge('split', 'f', ...own, '1:2')).toMatchObject({ code: 2 });
}, 120_000);

test('who is asked to drain answers what is in flight and ends with 0', async () => {
  await deploy(server, waiting('last'));
  const running = await begun();
  await askAdmin(server.control, { method: 'POST', path: '/drain' });
  expect(await running.answer).toBe('200 last');
  expect((await server.exited).code).toBe(0);
}, 120_000);
