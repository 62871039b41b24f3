import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSledge } from '@sledge/core';
import type { Outcome } from '@sledge/core';
import { root } from './server';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-repair-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fn = (name: string) => ({ name, path: path.join(root, `functions/${name}.wasm`) });

test('a module that vanishes is built again; before its first call nobody notices', async () => {
  const sledge = createSledge(
    {
      build: { cacheDirectory: folder, level: 'development' },
      limits: { loadedModules: 1 },
      workers: { count: 1 },
      tenants: [{ name: 'test', functions: [fn('fibonacci'), fn('empty')] }],
      log: { level: 'silent' },
    },
    { withTransports: false },
  );
  await sledge.start();
  const call = (name: string, ...args: string[]): Promise<Outcome> =>
    sledge.invoke(name, { args, environ: [], input: Buffer.from('1') });
  const vanish = (): void => {
    const built = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const modules = built.filter((file) => file.endsWith('.so'));
    expect(modules.length).toBeGreaterThan(0);
    for (const file of modules) rmSync(path.join(folder, file));
  };
  try {
    vanish();
    const both = await Promise.all([call('fibonacci', '10'), call('fibonacci', '11')]);
    expect(both.map(({ output }) => Buffer.from(output).toString().trim())).toEqual(['55', '89']);
    // one that has answered is unloaded for another, and its file vanishes: that call pays for it
    expect((await call('fibonacci', '10')).status).toBe('completed');
    expect((await call('empty')).status).toBe('completed');
    vanish();
    const lost = await call('fibonacci', '10');
    expect(lost.error?.code).toBe('SLEDGE_ERR_INVOKE_MODULE');
    let outcome = lost;
    for (let at = 0; at < 2_000 && outcome.status !== 'completed'; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      outcome = await call('fibonacci', '10');
    }
    expect(outcome.status).toBe('completed');
  } finally {
    await sledge.drain();
    await sledge.stop();
  }
});
