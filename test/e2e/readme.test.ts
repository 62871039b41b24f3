import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ErpcClient } from '@sledge/client-erpc';
import { request } from 'undici';
import { root, Server } from './server';

const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text = '']) => ({
  language,
  text,
}));

/** The one block of the README that says this. */
function blockWith(words: string): string {
  const found = blocks.filter(({ text }) => text.includes(words));
  expect(found.map(({ text }) => text)).toHaveLength(1);
  return found[0]?.text ?? '';
}

/** The README's own words in a folder of the user's: source, command, configuration. */
function folderWith(source: string, command: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-readme-'));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, source), blockWith(`// ${source}\n`));
  try {
    execFileSync('sh', ['-ec', blockWith(command)], { cwd: folder, stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

afterAll(() => Server.stopAll());

test.each([
  ['C', 'hello.c', 'npx sledge build hello.c'],
  ['AssemblyScript', 'hello.ts', 'npx asc hello.ts'],
])('the function that the README writes in %s is built and served as it says', async (...row) => {
  const [, source, command] = row;
  const server = await Server.start({
    folder: folderWith(source, command),
    fileName: 'sledge.config.ts',
    config: blockWith("name: 'hello'"),
    set: ['tenants.0.port=0'],
  });
  const greeted = await request(`${server.url}/hello?world`);
  expect([greeted.statusCode, (await greeted.body.text()).trim()]).toEqual([200, 'Hello, world']);
  const bare = await request(`${server.url}/hello`);
  expect((await bare.body.text()).trim()).toBe('Hello, edge');
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test('and answers over eRPC with the other configuration of the README', async () => {
  const server = await Server.start({
    folder: folderWith('hello.c', 'npx sledge build hello.c'),
    fileName: 'sledge.config.ts',
    config: blockWith('requestType: 1'),
    set: ['tenants.0.port=0', 'transports.1.port=0'],
  });
  const url = new URL(server.urls.find((one) => one.startsWith('erpc:')) ?? '');
  const client = ErpcClient.open();
  const target = await client.connect({ host: url.hostname, port: Number(url.port) });
  const { output } = await target.call(1, undefined, { args: ['wire'] });
  expect(output.toString()).toBe('Hello, wire\n');
  await client.close();
  expect(await server.stop()).toMatchObject({ code: 0 });
});
