import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { createSledge, type Sledge } from '@sledge/core';
import { clear, code, folder, KV, notes, of, serve, started } from './notes-server';

afterAll(clear);

let sledge: Sledge;
beforeAll(async () => {
  const small = { maxEntries: 3, maxBytes: 1000, maxKeyBytes: 8, maxValueBytes: 600 };
  sledge = await serve({ tenants: { small } });
});

test('what one request puts another one gets, until it is deleted', async () => {
  const store = of(sledge, 'one');
  expect(await store.get('a')).toBe(KV.missing);
  expect(await store.put('a', 'first')).toBe(KV.agrees);
  expect(await store.put('a', '')).toBe(KV.agrees);
  expect(await store.get('a')).toBe('');
  expect(await store.create('a', 'other')).toBe(KV.exists);
  expect(await store.put('a', 'x'.repeat(40_960))).toBe(KV.agrees);
  expect(await store.get('a')).toBe('x'.repeat(40_960));
  expect([await store.remove('a'), await store.remove('a')]).toEqual([KV.agrees, KV.missing]);
  expect(await store.put('', 'no key')).toBe(KV.invalid);
});

test('keys are listed in order, by their beginning, over more than one call', async () => {
  const store = of(sledge, 'one');
  for (const key of ['n/2', 'n/1', 'm', 'n/10', 'o']) await store.put(key, 'v');
  expect(await store.list('n/')).toBe('n/1\nn/10\nn/2\n');
  const long = Array.from({ length: 300 }, (_, i) =>
    `p/${String(i).padStart(4, '0')}`.padEnd(500, '-'),
  );
  await Promise.all(long.map((key) => store.put(key, '')));
  expect(await store.list('p/')).toBe(`${long.join('\n')}\n`);
  expect(await store.list('q')).toBe('');
});

test('a tenant sees no key of another, and spends nothing of its quota', async () => {
  const [one, two] = [of(sledge, 'one'), of(sledge, 'two')];
  await one.put('secret', 'of one');
  expect(await two.get('secret')).toBe(KV.missing);
  expect(await two.list('')).toBe('');
  expect(await two.remove('secret')).toBe(KV.missing);
  await two.put('secret', 'of two');
  expect(await one.get('secret')).toBe('of one');
});

test('quotas hold for keys, values, entries and bytes, and room comes back', async () => {
  const store = of(sledge, 'small');
  expect(await store.put('k'.repeat(9), '')).toBe(KV.tooBig);
  expect(await store.put('k', 'v'.repeat(601))).toBe(KV.tooBig);
  expect(await store.put('a', 'v'.repeat(600))).toBe(KV.agrees);
  expect(await store.put('b', 'v'.repeat(400))).toBe(KV.full);
  expect(await store.put('b', 'v'.repeat(200))).toBe(KV.agrees);
  expect(await store.put('c', 'v'.repeat(6))).toBe(KV.full);
  expect(await store.put('c', '')).toBe(KV.agrees);
  expect(await store.put('a', 'v')).toBe(KV.agrees);
  expect(await store.put('d', '')).toBe(KV.full);
  expect(await store.remove('b')).toBe(KV.agrees);
  expect(await store.put('d', '')).toBe(KV.agrees);
  expect(await store.list('')).toBe('a\nc\nd\n');
});

test('of many that create the same key at once, on several workers, one succeeds', async () => {
  const store = of(sledge, 'two');
  for (let round = 0; round < 20; round += 1) {
    const tries = Array.from({ length: 16 }, (_, i) => store.create(`round ${round}`, String(i)));
    const codes = await Promise.all(tries);
    expect(codes.filter((one) => one === KV.agrees).length).toBe(1);
    expect(await store.get(`round ${round}`)).toBe(String(codes.indexOf(KV.agrees)));
  }
});

test('values are seen whole while others replace them', async () => {
  const store = of(sledge, 'two');
  const values = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(30_000));
  await store.put('torn', values[0] as string);
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      i % 2 === 0 ? store.put('torn', values[i % 4] as string) : store.get('torn'),
    ),
  );
  const seen = results.filter((_, i) => i % 2 === 1);
  expect(seen.every((value) => values.includes(value as string))).toBe(true);
});

describe('with a directory', () => {
  const directory = path.join(folder, 'kept');
  const file = (): string => {
    const name = readdirSync(directory).find((one) => one.startsWith('one-'));
    return path.join(directory, name as string);
  };
  const persistent = () => serve({ directory, flushMs: 3_600_000 }, ['one', 'two']);

  test('what was put is there after a stop and a start, and what was deleted is not', async () => {
    let server = await persistent();
    const [one, two] = [of(server, 'one'), of(server, 'two')];
    await Promise.all([one.put('a', '1'), one.put('b', '2'), one.put('c', ''), two.put('a', 'x')]);
    await one.put('a', '3');
    await one.remove('b');
    await server.stop();
    server = await persistent();
    const again = of(server, 'one');
    expect([await again.get('a'), await again.get('b'), await again.get('c')]).toEqual([
      '3',
      KV.missing,
      '',
    ]);
    expect(await of(server, 'two').list('')).toBe('a\n');
    await server.stop();
  });

  test('a flush that was cut is left out, and what stands before it is kept', async () => {
    const cut = await persistent();
    expect(await of(cut, 'one').put('cut', 'v')).toBe(KV.agrees);
    await cut.stop();
    truncateSync(file(), statSync(file()).size - 1);
    const server = await persistent();
    const store = of(server, 'one');
    expect([await store.get('a'), await store.get('cut')]).toEqual(['3', KV.missing]);
    expect(await store.put('new', 'v')).toBe(KV.agrees);
    await server.stop();
    const next = await persistent();
    expect(await of(next, 'one').get('new')).toBe('v');
    await next.stop();
  });

  test('a file of what has been replaced is written anew', async () => {
    const server = await serve({ directory, flushMs: 1 }, ['one']);
    const store = of(server, 'one');
    const value = 'v'.repeat(40_000);
    for (let i = 0; i < 60; i += 1) {
      await store.put('same', value);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await server.stop();
    expect(statSync(file()).size).toBeLessThan(32 * 40_000);
    const next = await serve({ directory }, ['one']);
    expect(await of(next, 'one').get('same')).toBe(value);
    await next.stop();
  });

  test('a file too large to be read is refused, and the server bears it', async () => {
    const server = await serve({ directory, flushMs: 1 }, ['two']);
    const wasm = readFileSync(notes);
    await server.control.setTenant('one', {});
    truncateSync(file(), 2 ** 43);
    const deployed = server.control.deploy({ tenant: 'one', name: 'notes', wasm });
    await expect(deployed).rejects.toThrow(/bad_alloc/);
    const store = of(server, 'two');
    for (const value of ['1', '2', '3']) {
      expect(await store.put('flushed', value)).toBe(KV.agrees);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await server.stop();
    rmSync(file());
  });

  test('on a full disk no more waits than there may be, and nothing is lost', async () => {
    const small = path.join(folder, 'full');
    mkdirSync(small);
    const size = ['-t', 'tmpfs', '-o', 'size=256k', 'none', small];
    if (process.getuid?.() !== 0 || spawnSync('mount', size).status !== 0) {
      console.log('skipped: no right to mount a small file system');
      return;
    }
    try {
      const options = { directory: small, flushMs: 1, maxEntries: 4 };
      const server = await serve(options, ['one']);
      const store = of(server, 'one');
      expect(await store.put('kept', 'before')).toBe(KV.agrees);
      spawnSync('dd', ['if=/dev/zero', `of=${path.join(small, 'filler')}`, 'bs=4096']);
      const value = 'v'.repeat(20_000);
      // what is refused stays refused, however often the writer has tried
      let refused = 0;
      for (let turn = 0; turn < 2000 && refused < 20; turn += 1) {
        const isRefused = (await store.put(`key ${turn}`, value)) === KV.behind;
        refused = isRefused ? refused + 1 : 0;
        if (isRefused) await new Promise((resolve) => setTimeout(resolve, 5));
        else await store.remove(`key ${turn}`);
      }
      expect(refused).toBe(20);
      rmSync(path.join(small, 'filler'));
      while ((await store.put('after', 'there is room')) !== KV.agrees);
      await server.stop();
      const next = await serve(options, ['one']);
      expect(await of(next, 'one').list('')).toBe('after\nkept\n');
      await next.stop();
    } finally {
      spawnSync('umount', ['-l', small]);
    }
  });

  test('a second server on the same directory is refused', async () => {
    const server = await persistent();
    await expect(persistent()).rejects.toThrow(/in use by another server/);
    await server.stop();
  });
});

/** A module that ends with the number of its calls that did not answer EFAULT. */
const FAULTS = `(module
  (import "sledge_kv" "get" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "sledge_kv" "put" (func $put (param i32 i32 i32 i32 i32) (result i32)))
  (import "sledge_kv" "delete" (func $delete (param i32 i32) (result i32)))
  (import "sledge_kv" "list" (func $list (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 1)
  (global $wrong (mut i32) (i32.const 0))
  (func $check (param i32)
    (global.set $wrong
      (i32.add (global.get $wrong) (i32.ne (local.get 0) (i32.const 21)))))
  (func (export "_start")
    CALLS
    (call $exit (global.get $wrong))))`;

test('addresses beyond memory are EFAULT, whatever else is asked', async () => {
  const END = 65_536;
  const calls = [
    ['get', END, 1, 0, 1, 8],
    ['get', 0, 1, END - 1, 2, 8],
    ['get', 0, 1, 0, 1, END - 3],
    ['get', 0, -1, 0, 1, 8],
    ['put', END - 1, 2, 0, 1, 0],
    ['put', 0, 1, -1, 1, 0],
    ['delete', END - 1, 2],
    ['list', END, 1, 0, 0, 0, 8, 16],
    ['list', 0, 0, END, 1, 0, 8, 16],
    ['list', 0, 0, 0, 0, END - 7, 8, 16],
    ['list', 0, 0, 0, 0, 0, 8, END - 3],
  ].map(([name, ...args]) => {
    const given = args.map((arg) => `(i32.const ${arg})`).join(' ');
    return `(call $check (call $${name} ${given}))`;
  });
  const [source, wasm] = [path.join(folder, 'faults.wat'), path.join(folder, 'faults.wasm')];
  writeFileSync(source, FAULTS.replace('CALLS', calls.join('\n    ')));
  execFileSync('wat2wasm', [source, '-o', wasm]);
  const server = await serve({}, ['one'], wasm);
  const outcome = await server.invoke('one/notes', { args: [], environ: [] });
  expect([outcome.status, outcome.exitCode]).toEqual(['completed', 0]);
});

test('with sandbox v8 it is refused by the capability that is missing', async () => {
  const sledge = createSledge({ sandbox: 'v8', hosts: ['kv'], log: { level: 'silent' } });
  await expect(sledge.start()).rejects.toMatchObject({ code: 'SLEDGE_ERR_PLUGIN_CAPABILITY' });
});

test('without it a function that imports from it is refused at load', async () => {
  const sledge = createSledge(
    {
      log: { level: 'silent' },
      arena: { slots: 4 },
      build: { cacheDirectory: path.join(folder, 'cache'), level: 'development' },
      tenants: [{ name: 't', functions: [{ name: 'notes', path: notes }] }],
    },
    { withTransports: false },
  );
  await expect(sledge.start()).rejects.toThrow(/sledge_kv\./);
});

test('a deleted tenant leaves nothing to one of its name, and no file', async () => {
  const directory = path.join(folder, 'deleted');
  mkdirSync(directory);
  const sledge = await serve({ directory, flushMs: 10 }, []);
  const wasm = readFileSync(notes);
  const begin = async (): Promise<ReturnType<typeof of>> => {
    await sledge.control.setTenant('brief', {});
    await sledge.control.deploy({ tenant: 'brief', name: 'notes', wasm });
    return of(sledge, 'brief');
  };
  const first = await begin();
  expect(await first.put('a', 'theirs')).toBe(KV.agrees);
  expect(readdirSync(directory)).toHaveLength(1);
  await sledge.control.removeTenant('brief');
  expect(readdirSync(directory)).toEqual([]);
  const second = await begin();
  expect(await second.get('a')).toBe(KV.missing);
  expect(await second.put('a', 'ours')).toBe(KV.agrees);
  expect(await second.get('a')).toBe('ours');
});

test('of a tenant that ends while the server does nothing is left, nor after a crash', async () => {
  const server = (home: string) => {
    const wanted = createSledge({
      workers: { count: 1, idle: 'block' },
      arena: { slots: 8 },
      log: { level: 'silent' },
      build: { cacheDirectory: path.join(folder, 'cache'), level: 'development' },
      hosts: [['kv', { directory: path.join(home, 'kv'), flushMs: 10 }]],
      store: { path: path.join(home, 'store.db') },
      transports: [],
      tenants: [],
    });
    started.push(wanted);
    return wanted;
  };
  const [home, crashed] = [path.join(folder, 'ending'), path.join(folder, 'crashed')];
  mkdirSync(path.join(home, 'kv'), { recursive: true });
  const ending = server(home);
  await ending.start();
  const hold = readFileSync(path.join(__dirname, '../../../functions/hold.wasm'));
  const tenant = 'brief';
  const deploy = (name: string, wasm: Uint8Array, wallTimeUs: number, on = ending) =>
    on.control.deploy({ tenant, name, wasm, settings: { limits: { wallTimeUs } } });
  await ending.control.setTenant(tenant, {});
  await deploy('hold', hold, 500_000);
  await deploy('asleep', hold, 600_000_000);
  await deploy('notes', readFileSync(notes), 10_000_000);
  const call = (name: string, ...args: string[]) =>
    ending.invoke(`${tenant}/${name}`, { args, environ: [], input: Buffer.from('late') });
  // one sleeps on, one holds the worker for a while, and one waits to be the first that puts
  const asleep = call('asleep', 'sleep');
  void call('hold', 'calls');
  const late = call('notes', 'put', 'a');
  await ending.control.removeTenant(tenant);
  expect(code(await late)).toBe(KV.agrees);
  cpSync(home, crashed, { recursive: true });
  await ending.stop();
  await asleep;
  expect(readdirSync(path.join(home, 'kv'))).toEqual([]);
  const anew = server(crashed);
  await anew.start();
  expect(readdirSync(path.join(crashed, 'kv'))).toEqual([]);
  await anew.control.setTenant(tenant, {});
  await deploy('notes', readFileSync(notes), 10_000_000, anew);
  expect(await of(anew, tenant).get('a')).toBe(KV.missing);
});
