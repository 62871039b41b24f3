import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { controlFolder, openControl } from '../src/server/control';
import type { Sledge } from '../src/server/sledge';
import { leaveSocket } from './support/leave-socket';

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

test('a server that starts takes away control sockets of killed ones, and no others', async () => {
  const { pid } = spawnSync('true');
  const dead = await leaveSocket(path.join(controlFolder(), `${pid}.sock`));
  const alive = await leaveSocket(path.join(controlFolder(), `${process.ppid}.sock`));
  const file = path.join(controlFolder(), `${spawnSync('true').pid}.sock`);
  writeFileSync(file, 'no socket');
  const control = await openControl({} as Sledge);
  await control.close();
  expect([dead, alive, file].map((left) => existsSync(left))).toEqual([false, true, true]);
});
