/** Which files a policy may be named by, and what their code can do to the server. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { request } from 'undici';
import { createSledge, type Sledge } from '../src';
import { POLICY_KINDS } from '../src/server/policy-kinds';

const TOKEN = 'operator-0123456789abcdef';
const POLICY = readFileSync(path.join(__dirname, '../../test/policies/fixtures/edf.ts'), 'utf8');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-policy-files-'));
const file = (name: string, text = ''): string => {
  const place = path.join(folder, name);
  writeFileSync(place, text);
  return place;
};
let sledge: Sledge;

beforeAll(async () => {
  const tokensFile = file('tokens', `operator ${TOKEN}\n`);
  chmodSync(tokensFile, 0o600);
  sledge = createSledge(
    {
      workers: { count: 1, cores: 'unpinned' },
      arena: { slots: 4 },
      transports: [],
      scheduler: file('own.ts', POLICY),
      admin: { port: 0, tokensFile },
      tenants: [{ name: 'test' }],
    },
    { logger: pino({ level: 'silent' }) },
  );
  await sledge.start();
});
afterAll(async () => {
  await sledge.stop();
  rmSync(folder, { recursive: true });
});

async function put(choice: string): Promise<[number, string | undefined]> {
  const { statusCode, body } = await request(`${sledge.adminUrls()[0]}/policies`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'scheduler', choice }),
  });
  const { error } = (await body.json()) as { error?: { code: string } };
  return [statusCode, error?.code];
}

test('over a port an operator names plugins, and files that the configuration names', async () => {
  const other = file('other.ts', POLICY);
  expect(await put(other)).toEqual([403, 'SLEDGE_ERR_ADMIN_FILES']);
  expect(await put('../../etc/passwd')).toEqual([403, 'SLEDGE_ERR_ADMIN_FILES']);
  const around = `x/${'../'.repeat(20)}${other.slice(1)}`;
  expect(await put(around)).toEqual([403, 'SLEDGE_ERR_ADMIN_FILES']);
  expect(await put(`@${around}`)).toEqual([403, 'SLEDGE_ERR_ADMIN_FILES']);
  expect(await put('@sledge/sched-fifo')).toEqual([200, undefined]);
  expect(await put('fifo')).toEqual([200, undefined]);
  expect(await put(path.join(folder, 'own.ts'))).toEqual([200, undefined]);
});

test.each(POLICY_KINDS)('a %s whose code exits ends alone', async (kind) => {
  const exits = file('exits.ts', 'process.exit(3);');
  await expect(sledge.setPolicy(kind, exits)).rejects.toMatchObject({
    code: 'SLEDGE_ERR_PLUGIN_CREATE',
  });
});

test('nothing is opened that is no file of a script', async () => {
  execFileSync('mkfifo', [path.join(folder, 'pipe.ts')]);
  mkdirSync(path.join(folder, 'folder.ts'));
  const json = file('secret.json', 'TOPSECRET=1');
  for (const name of [path.join(folder, 'pipe.ts'), path.join(folder, 'folder.ts'), json]) {
    const refused = sledge.setPolicy('admission', name);
    await expect(refused).rejects.toMatchObject({
      code: 'SLEDGE_ERR_PLUGIN_NOT_FOUND',
      message: expect.stringContaining('no file of TypeScript or JavaScript') as string,
    });
    await expect(refused).rejects.not.toThrow(/TOPSECRET/);
  }
});
