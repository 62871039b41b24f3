import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { controlFolder, openControl } from '../src/server/control';
import type { Sledge } from '../src/server/sledge';

const before = process.env.XDG_RUNTIME_DIR;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sledge-control-'));
  process.env.XDG_RUNTIME_DIR = folder;
  mkdirSync(controlFolder(), { mode: 0o700 });
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = before;
  rmSync(folder, { recursive: true });
});

/** A socket that nobody listens on, as a killed server leaves it. */
async function leaveSocket(name: string): Promise<string> {
  const file = path.join(controlFolder(), name);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${file}.open`, resolve));
  renameSync(`${file}.open`, file);
  await new Promise((resolve) => server.close(resolve));
  return file;
}

test('a server that starts takes away control sockets of killed ones, and no others', async () => {
  const { pid } = spawnSync('true');
  const dead = await leaveSocket(`${pid}.sock`);
  const alive = await leaveSocket(`${process.ppid}.sock`);
  const file = path.join(controlFolder(), `${spawnSync('true').pid}.sock`);
  writeFileSync(file, 'no socket');
  const control = await openControl({} as Sledge);
  await control.close();
  expect([dead, alive, file].map((left) => existsSync(left))).toEqual([false, true, true]);
});
