import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from './support/source-files';

/** A machine that has every package but these: the real scripts; its commands log their call. */
class Machine {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'sledge-setup-'));
  private readonly bin = path.join(this.folder, 'bin');
  private readonly calls = path.join(this.folder, 'calls');

  constructor(userId: number) {
    mkdirSync(this.bin);
    writeFileSync(this.calls, '');
    cpSync(path.join(ROOT, 'scripts'), path.join(this.folder, 'checkout/scripts'), {
      recursive: true,
    });
    for (const name of ['core', 'cli', 'bench', 'plugins', 'functions'])
      mkdirSync(path.join(this.folder, 'checkout', name));
    this.command('id', `echo ${userId}`, false);
    this.command('npm', 'exit 0');
    this.command('cmake', 'exit 0');
    this.command('env', 'exec /usr/bin/env "$@"', false);
  }

  /** A command of this machine; it notes its name and arguments. */
  command(name: string, body: string, isLogged = true): void {
    const file = path.join(this.bin, name);
    const note = isLogged ? `echo "${name} $*" >> '${this.calls}'\n` : '';
    writeFileSync(file, `#!/bin/sh\n${note}${body}\n`);
    chmodSync(file, 0o755);
  }

  withAptGet(body = 'exit 0'): this {
    this.command('apt-get', `[ "$1" = --version ] && exit 0\n${body}`);
    return this;
  }

  /** Runs the set-up. @returns its exit code, all it printed, and what it called, in order. */
  setUp(): { code: number | null; text: string; calls: string[] } {
    const script = path.join(this.folder, 'checkout/scripts/setup.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
      encoding: 'utf8',
      timeout: 120_000,
      env: { PATH: this.bin, SLEDGE_SYSTEM_ROOT: path.join(this.folder, 'system') },
    });
    const calls = readFileSync(this.calls, 'utf8').trim().split('\n');
    return { code: status, text: stdout + stderr, calls };
  }

  has(file: string): void {
    const place = path.join(this.folder, 'system', file);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, '');
  }
}

let machine: Machine;
const machineOf = (userId: number): Machine => (machine = new Machine(userId));
afterEach(() => rmSync(machine.folder, { recursive: true, force: true }));

const INSTALL = /^apt-get install -y --no-install-recommends g\+\+ cmake ninja-build clang-14 /;

test('root installs the missing Debian packages through apt-get, and no other', () => {
  machineOf(0).withAptGet().has('/usr/bin/g++');
  const { text, calls } = machine.setUp();
  expect(calls).toContain('apt-get update');
  const install = calls.find((call) => call.startsWith('apt-get install'));
  expect(install).toMatch(/ cmake ninja-build clang-14 lld-14 wasi-libc /);
  expect(install).not.toContain('g++');
  expect(calls.join()).not.toContain('sudo');
  expect(text).toContain('- TypeScript ...');
});

test('another user installs them with a sudo that asks no password', () => {
  machineOf(1000).withAptGet();
  machine.command('sudo', '[ "$1" = -n ] || exit 9\nshift\n[ "$1" = true ] && exit 0\nexec "$@"');
  const { text, calls } = machine.setUp();
  const root = calls.filter((call) => call.startsWith('sudo'));
  expect(root.map((call) => call.split(' ')[1])).toEqual(['-n', '-n', '-n']);
  expect(calls).toContain('apt-get update');
  expect(calls.find((call) => INSTALL.test(call))).toBeDefined();
  expect(text).toContain('- TypeScript ...');
});

test('without a password the one line to run is printed, and nothing else is begun', () => {
  machineOf(1000).withAptGet();
  machine.command('sudo', 'exit 1');
  const { code, text, calls } = machine.setUp();
  expect(code).toBe(1);
  const lines = text.split('\n').filter((line) => line.includes('apt-get'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^ {2}sudo apt-get update && sudo apt-get install -y --no-install-recommends g\+\+ cmake /,
  );
  expect(calls).toEqual(['apt-get --version', 'sudo -n true']);
  expect(existsSync(path.join(machine.folder, 'checkout/node_modules'))).toBe(false);
});

test('where there is no sudo the line is printed as well', () => {
  machineOf(1000).withAptGet();
  const { code, text } = machine.setUp();
  expect([code, /^ {2}sudo apt-get update && /m.test(text)]).toEqual([1, true]);
});

test('where there is no apt-get root gets the line too', () => {
  const { code, text, calls } = machineOf(0).setUp();
  expect([code, /^ {2}sudo apt-get update && /m.test(text), calls]).toEqual([1, true, ['']]);
});

test('a failing apt-get ends the set-up with its own words', () => {
  machineOf(0).withAptGet('echo "E: Unable to locate package wasi-libc" >&2\nexit 100');
  const { code, text, calls } = machine.setUp();
  expect(code).toBe(1);
  expect(text).toContain('E: Unable to locate package wasi-libc');
  expect(calls.some((call) => call.startsWith('cmake'))).toBe(false);
});

test('nothing is asked of apt-get when every package is there', () => {
  machineOf(1000);
  const database = readFileSync(path.join(ROOT, 'scripts/lib/debian.mjs'), 'utf8');
  const clang = /CLANG_LIB = '(.*)'/.exec(database)?.[1] ?? '';
  for (const [, file = ''] of database.matchAll(/: ['`]((?:\/|\$\{)[^'`]+)['`],/g))
    machine.has(file.replace('${CLANG_LIB}', clang));
  const { text, calls } = machine.setUp();
  expect(calls.join()).not.toMatch(/apt-get|sudo/);
  expect(text).toContain('- TypeScript ...');
});
