import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ModuleCopy } from '@sledge/sandbox-awsm';
import { Agent, Pool, request } from 'undici';
import { root, Server } from './server';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const COUNT = isLong ? 10_000 : 200;
const CALLED = isLong ? 1000 : 100;
const CALLS = isLong ? 20_000 : 600;
const CONNECTIONS = 8;
const PLACEHOLDER = '@@@@@';
const READY_MS = 300_000;

if (!isLong) console.log(`${COUNT} functions; 10,000 with SLEDGE_TEST_LONG=1`);
afterAll(() => Server.stopAll());

/** Modules that differ in one text, which is what each answers. */
function copies(folder: string, count: number): ModuleCopy[] {
  const template = path.join(folder, 'template.wasm');
  execFileSync('wat2wasm', [path.join(root, 'bench/modules/text.wat'), '-o', template]);
  const of = {
    ...{ template, count, placeholder: PLACEHOLDER, level: 'production' },
    folder: path.join(folder, 'modules'),
    cacheDirectory: path.join(folder, 'built'),
  };
  const script = path.join(__dirname, 'write-copies.cjs');
  const answer = execFileSync(process.execPath, [script, JSON.stringify(of)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(answer.toString()) as ModuleCopy[];
}

function start(folder: string, modules: readonly ModuleCopy[], more: object): Promise<Server> {
  const functions = modules.map(({ text, file }) => ({
    name: `n${text}`,
    path: file,
    route: `/${text}`,
  }));
  const tenants = ['one', 'two'].map((name, half) => ({
    name,
    port: 0,
    functions: functions.filter((_, index) => index % 2 === half),
  }));
  return Server.start({
    config: { tenants, ...more },
    folder,
    set: [`build.cacheDirectory=${path.join(folder, 'built')}`],
    readyMs: READY_MS,
  });
}

/** Calls some of them in an order that looks random. @returns answers that are not their own. */
async function callMany(server: Server, modules: readonly ModuleCopy[]): Promise<string[]> {
  const pools = server.urls.map((url) => new Pool(url, { connections: CONNECTIONS / 2 }));
  const wrong: string[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let at = next++; at < CALLS; at = next++) {
      const index = ((at * 7919) % CALLED) % modules.length;
      const { text } = modules[index] as ModuleCopy;
      const pool = pools[index % 2] as Pool;
      const answer = await pool.request({ path: `/${text}`, method: 'GET' });
      const body = await answer.body.text();
      if (body !== text) wrong.push(`${text}: ${answer.statusCode} ${body}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  await Promise.all(pools.map((pool) => pool.close()));
  return wrong;
}

async function scrape(server: Server): Promise<string> {
  const dispatcher = new Agent({ connect: { socketPath: server.control } });
  const { body } = await request('http://sledge/metrics', { dispatcher });
  const text = await body.text();
  await dispatcher.close();
  return text;
}

function valuesOf(text: string, metric: string): { function: string; value: number }[] {
  const lines = text.matchAll(new RegExp(`^${metric}\\{.*function="([^"]*)"\\} (\\S+)$`, 'gm'));
  return [...lines].map(([, name = '', value]) => ({ function: name, value: Number(value) }));
}

const sum = (values: readonly { value: number }[]) =>
  values.reduce((total, { value }) => total + value, 0);

test(
  `${COUNT} functions in one process are loaded when they are called, two mappings each`,
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sledge-many-'));
    const modules = copies(folder, COUNT);
    const server = await start(folder, modules, {});
    const built = path.join(folder, 'built');
    expect(server.mappings(built)).toBe(0);
    expect(await callMany(server, modules)).toEqual([]);
    expect(server.mappings(built)).toBe(2 * CALLED);
    const text = await scrape(server);
    expect(text).toContain(`\nsledge_modules_loaded ${CALLED}\n`);
    expect(text).toContain(`\nsledge_module_unloads_total 0\n`);
    await callGone(server, modules.at(-1) as ModuleCopy);
    expect((await server.stop()).code).toBe(0);
  },
  READY_MS + 60_000,
);

/** One whose file has gone before it was called: it is built again. */
async function callGone(server: Server, { text, artifactPath }: ModuleCopy): Promise<void> {
  rmSync(artifactPath);
  const answer = await request(`${server.urls[1]}/${text}`);
  expect([answer.statusCode, (await answer.body.text()).trim()]).toEqual([200, text]);
}

test(
  'with a small bound modules go and come back under load, and metrics stay few',
  async () => {
    const LOADED = 20;
    const OWN = 15;
    const folder = mkdtempSync(path.join(tmpdir(), 'sledge-bound-'));
    const modules = copies(folder, CALLED);
    const more = { limits: { loadedModules: LOADED }, metrics: { functions: OWN } };
    const server = await start(folder, modules, more);
    expect(await callMany(server, modules)).toEqual([]);
    const most = 2 * (LOADED + CONNECTIONS);
    expect(server.mappings(path.join(folder, 'built'))).toBeLessThanOrEqual(most);
    const text = await scrape(server);
    const accepted = valuesOf(text, 'sledge_requests_accepted_total');
    expect(accepted.length).toBe(OWN + 2);
    expect(accepted.filter((one) => one.function === '_other').length).toBe(2);
    expect(sum(accepted)).toBe(CALLS);
    expect(sum(valuesOf(text, 'sledge_sojourn_seconds_count'))).toBe(CALLS);
    const unloads = Number(/^sledge_module_unloads_total (\d+)$/m.exec(text)?.[1]);
    expect(unloads).toBeGreaterThan(CALLED - LOADED);
    expect((await server.stop()).code).toBe(0);
  },
  READY_MS + 60_000,
);
