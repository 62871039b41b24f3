// Goal: docs/guides/migrate-from-sledge.md is true, row by row.
// Method: each row of its tables is loaded as a spec, or an environment with one, or an override.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig, loadDefaults } from '../src';
import type { LoadedConfig } from '../src';
import { valueAt } from '../src/config/describe-issues';
import { perfColumns } from '../src/recording/columns';

const PAGE = path.join(__dirname, '../../docs/guides/migrate-from-sledge.md');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-migration-'));
const file = path.join(folder, 'spec.json');
writeFileSync(path.join(folder, 'fibonacci.wasm'), '');
afterAll(() => rmSync(folder, { recursive: true }));

/** Cells of the rows of the table under a heading, without its head. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = readFileSync(PAGE, 'utf8').split(`\n## ${heading}\n`);
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line[0] === '|');
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const bare = (cell: string): string => /^`(.*)`$/.exec(cell)?.[1] ?? cell;

async function load(tenant: object, route: object, env: NodeJS.ProcessEnv = {}) {
  const routes = [{ route: '/fib', path: 'fibonacci.wasm.so', ...route }];
  writeFileSync(file, JSON.stringify([{ name: 'a', port: 0, routes, ...tenant }]));
  return loadConfig({ file, cwd: folder, env });
}

/** "`workers.count` = `2`", as the loaded configuration has it. */
function expectValue(loaded: LoadedConfig, becomes: string): void {
  const [, key = '', json = ''] = /^`([^`]+)` = `(.+)`$/.exec(becomes) ?? [];
  const place = key.replace(/^fn\./, 'tenants[0].functions[0].');
  const keys = place.split(/[.[\]]+/).map((one) => (/^\d+$/.test(one) ? Number(one) : one));
  expect([key, valueAt(loaded.config, keys)]).toEqual([key, JSON.parse(json)]);
}

async function expectRow(loading: Promise<LoadedConfig>, name: string, becomes: string) {
  const [, refused] = /^refused: (.+)$/.exec(becomes) ?? [];
  const [, ignored] = /^no effect:? (.+)$/.exec(becomes) ?? [];
  if (refused !== undefined) {
    await expect(loading).rejects.toMatchObject({
      code: 'SLEDGE_ERR_CONFIG_INVALID',
      message: expect.stringContaining(refused) as string,
    });
    return;
  }
  const loaded = await loading;
  if (ignored === undefined) return expectValue(loaded, becomes);
  const [warning = ''] = loaded.warnings.filter((one) => one.includes(name));
  expect(warning).toContain('has no effect');
  expect(warning).toContain(ignored);
}

test.each(rowsOf('Tenants'))('the key %s of a tenant, given %s', async (key, given, becomes) => {
  const name = bare(key);
  const value = JSON.parse(bare(given)) as unknown;
  await expectRow(load({ [name]: value }, {}), name, becomes);
});

test.each(rowsOf('Routes'))('the key %s of a route, given %s', async (key, given, becomes) => {
  const name = bare(key);
  const value = JSON.parse(bare(given)) as unknown;
  await expectRow(load({}, { [name]: value }), name, becomes);
});

test.each(rowsOf('Variables'))('%s=%s', async (variable, given, becomes) => {
  const name = bare(variable);
  await expectRow(load({}, {}, { [name]: bare(given) }), name, becomes);
});

test.each(rowsOf('What was compiled in'))('instead of %s: %s', (_, here) => {
  const [, key = '', json = ''] = /^`([^`]+)` = `(.+)`$/.exec(here) ?? [];
  const value = json.startsWith('"') ? (JSON.parse(json) as string) : json;
  expectValue(loadDefaults({ cwd: folder, env: {}, set: [`${key}=${value}`] }), here);
});

test("the columns of the log are those of SLEdgeScale's, in its order", () => {
  const rows = rowsOf('Logs');
  const ours = perfColumns('sledgescale').map(({ name }) => name);
  expect(rows.map(([theirs = '']) => bare(theirs))).toEqual(ours);
  expect(rows.map(([, here = '']) => bare(here))).toEqual(ours);
});

test('no key and no variable that is read is missing on the page', () => {
  const source = (name: string) =>
    readFileSync(path.join(__dirname, '../src/config', name), 'utf8');
  const keys = [
    ...source('sledge-spec.ts').matchAll(/^ {2}'?([a-z_-]+\d?)'?: (?:uint|text|z)\b/gm),
  ];
  const variables = [...source('sledge-environment.ts').matchAll(/\b(?:SLEDGE_|PROC_)[A-Z_]+\b/g)];
  const there = ['Tenants', 'Routes', 'Variables'].flatMap(rowsOf).map(([name = '']) => bare(name));
  const read = [...keys.map(([, key = '']) => key), ...variables.map(([name]) => name)];
  expect(keys.length).toBeGreaterThan(20);
  expect(read.filter((name) => !there.includes(name) && name !== 'SLEDGE_CFG_')).toEqual([]);
});
