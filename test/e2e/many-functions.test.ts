import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Pool } from 'undici';
import { Server } from './server';

/** The whole count with SLEDGE_TEST_LONG=1. */
const COUNT = process.env['SLEDGE_TEST_LONG'] === '1' ? 2000 : 100;
const PLACEHOLDER = '@@@@';
/** Enough to build all of them on two slow cores. */
const READY_MS = 1_500_000;

afterAll(() => Server.stopAll());

const textOf = (index: number) => String(index).padStart(PLACEHOLDER.length, '0');

/** Writes modules that differ in one text. @returns their paths. */
function writeModules(folder: string): string[] {
  const template = path.join(folder, 'template.wasm');
  execFileSync('wat2wasm', [path.join(__dirname, 'many-functions.wat'), '-o', template]);
  const bytes = readFileSync(template);
  const offset = bytes.indexOf(PLACEHOLDER);
  return Array.from({ length: COUNT }, (_, index) => {
    const file = path.join(folder, `number-${textOf(index)}.wasm`);
    bytes.write(textOf(index), offset, 'latin1');
    writeFileSync(file, bytes);
    return file;
  });
}

test(
  `${COUNT} functions in one process each answer, with at most 2 mappings for each module`,
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sledge-many-'));
    const functions = writeModules(folder).map((file, index) => ({
      name: `n${index}`,
      path: file,
      route: `/${index}`,
    }));
    const cacheDirectory = path.join(folder, 'built');
    const server = await Server.start({
      config: {
        transports: [['http', {}]],
        tenants: [{ name: 'test', port: 0, functions }],
        build: { level: 'development' },
      },
      folder,
      set: [`build.cacheDirectory=${cacheDirectory}`],
      readyMs: READY_MS,
    });
    const pool = new Pool(server.url, { connections: 16 });
    const answers = await Promise.all(
      functions.map(async ({ route }) => {
        const answer = await pool.request({ path: route, method: 'GET' });
        return answer.body.text();
      }),
    );
    await pool.close();
    expect(answers).toEqual(functions.map((_, index) => textOf(index)));
    expect(server.mappings(cacheDirectory)).toBeGreaterThanOrEqual(COUNT);
    expect(server.mappings(cacheDirectory)).toBeLessThanOrEqual(2 * COUNT);
    expect((await server.stop()).code).toBe(0);
  },
  READY_MS + 60_000,
);
