/** What a killed process leaves: the version it had kept, or the next one, whole. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStore } from '../src/control/function-store';

const KILLS = process.env['SLEDGE_TEST_LONG'] === '1' ? 300 : 30;
const CHILD = path.join(__dirname, 'support/deploys-until-killed.cjs');
const DIST = path.join(__dirname, '../dist');
/** At the most, once the first version is kept. */
const LIFE_MS = 20;
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-store-kill-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** @returns the last version that it said it had kept */
async function keepUntilKilled(file: string, lifeMs: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, file, DIST], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child.stdout, 'data');
  setTimeout(() => child.kill('SIGKILL'), lifeMs);
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
}

test(`${KILLS} kills amid writes leave the old or the new version, whole`, async () => {
  console.log(`${KILLS} kills -9 of what writes the store; 300 with SLEDGE_TEST_LONG=1`);
  const file = path.join(folder, 'store.db');
  for (let kill = 0; kill < KILLS; kill += 1) {
    const told = await keepUntilKilled(file, ((kill * 7919) % 1000) * (LIFE_MS / 1000));
    const store = openStore(file);
    const [{ current, versions } = { current: 0, versions: [] }] = store.functions();
    expect([told, told + 1]).toContain(current);
    expect(versions.at(-1)?.version).toBe(current);
    for (const { version, hash } of versions) {
      expect(Buffer.from(store.module(hash) ?? []).toString()).toMatch(`version ${version}`);
    }
    store.close();
  }
}, 300_000);
