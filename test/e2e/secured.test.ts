import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { newKey } from '@sledge/core/host';
import { Agent, request } from 'undici';
import { makeCertificate } from '../support/certificates';
import { configOf, root, Server } from './server';

afterAll(() => Server.stopAll());

async function until(isSo: () => boolean): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!isSo()) {
    if (Date.now() > limit) throw new Error('it never became so');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** @returns the key that is printed. */
function keysNew(...args: string[]): string {
  const cli = path.join(root, 'cli/bin/sledge.js');
  const done = spawnSync(process.execPath, [cli, 'keys', 'new', ...args], { encoding: 'utf8' });
  expect([done.status, done.stderr]).toEqual([0, expect.stringContaining('Added to')]);
  return done.stdout.trim();
}

test('with TLS and keys made by the command line, and read again on SIGHUP', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-secured-'));
  const keysFile = path.join(folder, 'keys');
  const web = keysNew('web', '--file', keysFile);
  expect(statSync(keysFile).mode & 0o777).toBe(0o600);
  const { certFile, keyFile, cert } = makeCertificate(folder, 'own');
  const config = configOf(['fibonacci', { name: 'empty', keys: 'none' }], {
    tls: { certFile: 'own.pem', keyFile: 'own-key.pem' },
    admin: { port: 0, tls: { certFile, keyFile } },
  });
  Object.assign((config.tenants as object[])[0] as object, { keysFile: 'keys' });
  const server = await Server.start({ config, folder });
  const dispatcher = new Agent({ connect: { ca: cert } });
  const ask = async (route: string, key?: string): Promise<number> => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const answer = await request(`${server.url}/${route}`, { dispatcher, headers });
    await answer.body.dump();
    return answer.statusCode;
  };
  expect([await ask('fibonacci?10'), await ask('fibonacci?10', web)]).toEqual([401, 200]);
  expect(await ask('empty')).toBe(200);
  expect(server.log).toMatch(/admin API on https:/);
  const late = newKey('late', ['empty']);
  appendFileSync(keysFile, `${late.line}\n`);
  server.process.kill('SIGHUP');
  await until(() => server.log.includes('the API keys were read again'));
  expect(await ask('fibonacci?10', late.secret)).toBe(403);
  writeFileSync(certFile, 'no certificate');
  server.process.kill('SIGHUP');
  await until(() => server.log.includes('The one before stays in force.'));
  expect(await ask('fibonacci?10', web)).toBe(200);
  expect(server.log).not.toContain(web);
  await dispatcher.close();
  expect(await server.stop('SIGTERM')).toMatchObject({ code: 0 });
});
