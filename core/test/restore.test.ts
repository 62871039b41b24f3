import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { createSledge } from '../src';
import { openStore } from '../src/control/function-store';

const empty = path.join(__dirname, '../../functions/empty.wasm');

test('a tenant whose name is none any more is left out, and the rest serves', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-restore-'));
  const file = path.join(folder, 'store.db');
  const wasm = readFileSync(empty);
  const store = openStore(file);
  const state = { name: 'f', current: 1, previous: [], nextVersion: 2, split: null, events: [] };
  const hash = createHash('sha256').update(wasm).digest('hex');
  const versions = [{ version: 1, hash, settings: {}, at: 'then' }];
  for (const tenant of ['team/a', 'other']) {
    store.saveFunction({ ...state, tenant, versions }, wasm);
  }
  store.close();
  const sledge = createSledge(
    {
      ...{ workers: { count: 1, cores: 'unpinned' }, arena: { slots: 4 }, transports: [] },
      ...{ build: { level: 'development' }, store: { path: file } },
      tenants: [{ name: 'test', functions: [{ name: 'empty', path: empty }] }],
    },
    { logger: pino({ level: 'silent' }) },
  );
  await sledge.start();
  const statusOf = async (name: string) =>
    (await sledge.invoke(name, { args: [], environ: [] })).status;
  expect(await statusOf('test/empty')).toBe('completed');
  expect(await statusOf('other/f')).toBe('completed');
  await expect(statusOf('team/a/f')).rejects.toMatchObject({ code: 'SLEDGE_ERR_INVOKE_UNKNOWN' });
  await sledge.stop();
  rmSync(folder, { recursive: true });
});
