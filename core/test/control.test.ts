import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, mkdirSync } from 'node:fs';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { controlFolder, findControl, openControl } from '../src/server/control';
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

test('a folder that others may write, of another user, or a link is not used', async () => {
  const own = controlFolder();
  const use = () => openControl({} as Sledge).catch((error: Error) => error.message);
  const told = expect.stringContaining('not a folder of yours') as unknown;
  chmodSync(own, 0o777);
  expect(await use()).toEqual(told);
  expect(() => findControl()).toThrow(/not a folder of yours/);
  chmodSync(own, 0o700);
  if (process.getuid?.() === 0) {
    chownSync(own, 12_345, 0);
    expect(await use()).toEqual(told);
    chownSync(own, 0, 0);
  }
  renameSync(own, `${own}.theirs`);
  symlinkSync(`${own}.theirs`, own);
  expect(await use()).toEqual(told);
  rmSync(own);
  renameSync(`${own}.theirs`, own);
  expect(() => findControl()).toThrow(/no server of yours runs/);
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
