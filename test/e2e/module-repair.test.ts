import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ErpcClient } from '@sledge/client-erpc';
import { createSledge } from '@sledge/core';
import type { Outcome } from '@sledge/core';
import { request } from 'undici';
import { root } from './server';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-repair-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fn = (name: string) => ({ name, path: path.join(root, `functions/${name}.wasm`) });

/** Takes away what was built; what is loaded stays so. */
function vanish(): void {
  const built = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const modules = built.filter((file) => file.endsWith('.so'));
  expect(modules.length).toBeGreaterThan(0);
  for (const file of modules) rmSync(path.join(folder, file));
}

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

test('over HTTP a request waits for its module or may try again; RPCs repair too', async () => {
  const route = (name: string) => ({ route: `/${name}`, ...fn(name) });
  const functions = [
    { ...route('fibonacci'), requestType: 1 },
    { ...fn('fibonacci'), name: 'prompt', route: '/prompt', relativeDeadlineUs: 1 },
    route('empty'),
  ];
  const sledge = createSledge({
    build: { cacheDirectory: folder, level: 'development' },
    limits: { loadedModules: 1 },
    workers: { count: 1, cores: 'unpinned' },
    arena: { slots: 16 },
    transports: [
      ['http', { host: '127.0.0.1' }],
      ['erpc', { port: 0 }],
    ],
    tenants: [{ name: 'test', port: 0, functions }],
    log: { level: 'silent' },
  });
  const client = ErpcClient.open();
  await sledge.start();
  const url = (scheme: string): URL => {
    const found = sledge.listeners().find((listener) => listener.url.startsWith(`${scheme}:`));
    return new URL(found?.url ?? '');
  };
  const get = async (name: string) => {
    const { statusCode, headers, body } = await request(new URL(name, url('http')));
    return { statusCode, retry: headers['retry-after'], text: (await body.text()).trim() };
  };
  /** It was called, and had to go for another; now its file is gone too. */
  const lose = async (): Promise<void> => {
    expect((await get('/empty')).statusCode).toBe(200);
    vanish();
  };
  try {
    expect((await get('/fibonacci?10')).text).toBe('55');
    await lose();
    expect(await get('/fibonacci?10')).toMatchObject({ statusCode: 200, text: '55' });
    const refused = await get('/prompt?10');
    expect(refused).toMatchObject({ statusCode: 503, retry: '1' });
    expect(refused.text).toContain('SLEDGE_ERR_INVOKE_MODULE');
    await lose();
    const port = Number(url('erpc').port);
    const target = await client.connect({ host: '127.0.0.1', port });
    const rpc = () =>
      target.call(1, Buffer.from('10')).then(
        ({ output }) => output.toString().trim(),
        ({ code }: { code: string }) => code,
      );
    expect(await rpc()).toBe('SLEDGE_ERR_INVOKE_MODULE');
    let answer = '';
    for (let at = 0; at < 2_000 && answer !== '55'; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      answer = await rpc();
    }
    expect(answer).toBe('55');
  } finally {
    await client.close();
    await sledge.drain();
    await sledge.stop();
  }
});
