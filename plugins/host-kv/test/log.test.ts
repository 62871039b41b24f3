import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Sledge } from '@sledge/core';
import { clear, folder, KV, notes, of, serve } from './notes-server';

afterAll(clear);

type Stores = Record<string, ReturnType<typeof of>>;
type Quotas = Record<string, number>;

/** What tenants keep over several starts of a server; a stop writes all its changes at once. */
class Kept {
  readonly directory: string;
  constructor(
    name: string,
    private readonly tenants: readonly string[],
  ) {
    this.directory = path.join(folder, name);
    mkdirSync(this.directory);
  }
  async during(quotas: Quotas, work: (stores: Stores) => Promise<void>): Promise<void> {
    const options = { directory: this.directory, flushMs: 3_600_000, ...quotas };
    const server: Sledge = await serve(options, [...this.tenants]);
    await work(Object.fromEntries(this.tenants.map((name) => [name, of(server, name)])));
    await server.stop();
  }
  fileOf(tenant: string): string {
    const name = readdirSync(this.directory).find((one) => one.startsWith(`${tenant}-`));
    return path.join(this.directory, name as string);
  }
}

const putAll = async (store: Stores[string] | undefined, ...keys: string[]): Promise<void> => {
  for (const key of keys) expect(await store?.put(key, `of ${key}`)).toBe(KV.agrees);
};
const removeAll = async (store: Stores[string] | undefined, ...keys: string[]): Promise<void> => {
  for (const key of keys) expect(await store?.remove(key)).toBe(KV.agrees);
};

test('what was put into room that others had left is there after a start', async () => {
  const kept = new Kept('room', ['entries', 'bytes', 'many']);
  const quotas = { maxEntries: 3, maxBytes: 2000 };
  await kept.during(quotas, async ({ entries, bytes, many }) => {
    await putAll(entries, 'x', 'y', 'z');
    await putAll(many, '1', '2', '3');
    expect(await bytes?.put('a', 'old')).toBe(KV.agrees);
    expect(await bytes?.put('b', 'b'.repeat(1500))).toBe(KV.agrees);
  });
  await kept.during(quotas, async ({ entries, bytes, many }) => {
    await removeAll(entries, 'z');
    await putAll(entries, 'a');
    await removeAll(many, '1', '2', '3');
    await putAll(many, '4', '5', '6');
    expect(await bytes?.put('b', 'small')).toBe(KV.agrees);
    expect(await bytes?.put('a', 'a'.repeat(1500))).toBe(KV.agrees);
  });
  await kept.during(quotas, async ({ entries, bytes, many }) => {
    expect(await entries?.list('')).toBe('a\nx\ny\n');
    expect(await entries?.get('a')).toBe('of a');
    expect(await bytes?.get('a')).toBe('a'.repeat(1500));
    expect(await bytes?.get('b')).toBe('small');
    await removeAll(many, '4', '5', '6');
    await putAll(many, '7', '8', '9');
  });
  await kept.during(quotas, async ({ many }) => {
    expect(await many?.list('')).toBe('7\n8\n9\n');
  });
});

test('a quota that was lowered takes nothing away, and refuses what would grow', async () => {
  const kept = new Kept('lowered', ['one']);
  await kept.during({}, async ({ one }) => {
    await putAll(one, 'a', 'b', 'c', 'a long key');
    expect(await one?.put('large', 'l'.repeat(5000))).toBe(KV.agrees);
  });
  const lowered = { maxEntries: 2, maxBytes: 1000, maxKeyBytes: 8, maxValueBytes: 100 };
  for (let start = 0; start < 2; start += 1) {
    await kept.during(lowered, async ({ one }) => {
      expect(await one?.list('')).toBe('a\na long key\nb\nc\nlarge\n');
      expect(await one?.get('large')).toBe('l'.repeat(5000));
      expect(await one?.put('d', '')).toBe(KV.full);
      expect(await one?.put('a', 'longer than it was')).toBe(KV.full);
      expect(await one?.put('a', 'a')).toBe(KV.agrees);
    });
  }
  await kept.during(lowered, async ({ one }) => {
    await removeAll(one, 'large', 'a long key', 'b');
    expect(await one?.put('d', '')).toBe(KV.full);
  });
  await kept.during(lowered, async ({ one }) => {
    await removeAll(one, 'c');
    await putAll(one, 'd');
  });
  await kept.during(lowered, async ({ one }) => expect(await one?.list('')).toBe('a\nd\n'));
});

test('a crash within a flush leaves the state of that flush or of the one before it', async () => {
  const tenants = Array.from({ length: 24 }, (_, i) => `t${String(i).padStart(2, '0')}`);
  const kept = new Kept('crash', tenants);
  const before = 'b\nx\ny\nz\n';
  const after = 'a\nb\nx\nz\n';
  const quotas = { maxEntries: 4 };
  await kept.during(quotas, async (stores) => {
    for (const store of Object.values(stores)) await putAll(store, 'b', 'x', 'y', 'z');
  });
  const sizes = tenants.map((tenant) => readFileSync(kept.fileOf(tenant)).length);
  await kept.during(quotas, async (stores) => {
    for (const store of Object.values(stores)) {
      await removeAll(store, 'y');
      await putAll(store, 'a');
      expect(await store.put('b', 'new')).toBe(KV.agrees);
    }
  });
  // each has more of its last flush than the one before it
  let isWhole = false;
  tenants.forEach((tenant, i) => {
    const whole = readFileSync(kept.fileOf(tenant));
    const flushed = whole.length - (sizes[i] as number);
    const left = Math.round((flushed * i) / (tenants.length - 1));
    writeFileSync(kept.fileOf(tenant), whole.subarray(0, (sizes[i] as number) + left));
    isWhole = left === flushed;
  });
  expect(isWhole).toBe(true);
  for (let start = 0; start < 2; start += 1) {
    await kept.during(quotas, async (stores) => {
      const states = await Promise.all(
        Object.values(stores).map(async (store) => [await store.list(''), await store.get('b')]),
      );
      const expected = tenants.map((_tenant, i) =>
        i < tenants.length - 1 ? [before, 'of b'] : [after, 'new'],
      );
      expect(states).toEqual(expected);
    });
  }
});

test('a crash while a file is written anew leaves the old, and no half of the new', async () => {
  const kept = new Kept('anew', ['one', 'gone']);
  await kept.during({}, async ({ one, gone }) => {
    await putAll(one, 'a');
    await putAll(gone, 'a');
  });
  const halves = ['one', 'gone'].map((tenant) => `${kept.fileOf(tenant)}.new`);
  for (const half of halves) writeFileSync(half, 'sledge-kv 2\nhalf');
  await kept.during({}, async ({ one }) => expect(await one?.get('a')).toBe('of a'));
  expect(readdirSync(kept.directory)).toHaveLength(2);
});

test('a file of the first version is read, and written on in the second', async () => {
  const kept = new Kept('first', ['one']);
  const record = (key: string, value?: string): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32LE(key.length, 4);
    bytes.writeUInt32LE(value === undefined ? 0xffff_ffff : value.length, 8);
    const whole = Buffer.concat([bytes, Buffer.from(key + (value ?? ''))]);
    let hash = 2166136261;
    for (const byte of whole.subarray(4)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
    whole.writeUInt32LE(hash, 0);
    return whole;
  };
  await kept.during({}, async () => {});
  const head = Buffer.concat([Buffer.from('sledge-kv 1\n'), record('one')]);
  const records = [record('a', '1'), record('b', '2'), record('a'), record('c', '3')];
  writeFileSync(kept.fileOf('one'), Buffer.concat([head, ...records, record('d').subarray(1)]));
  await kept.during({}, async ({ one }) => {
    expect(await one?.list('')).toBe('b\nc\n');
    await putAll(one, 'd');
  });
  expect(readFileSync(kept.fileOf('one'), 'latin1')).toMatch(/^sledge-kv 2\n/);
  await kept.during({}, async ({ one }) => expect(await one?.list('')).toBe('b\nc\nd\n'));
});

test('a deleted tenant leaves no half of a file that a crash had left', async () => {
  const directory = path.join(folder, 'removed');
  mkdirSync(directory);
  const server = await serve({ directory, flushMs: 3_600_000 }, []);
  await server.control.setTenant('one', {});
  await server.control.deploy({ tenant: 'one', name: 'notes', wasm: readFileSync(notes) });
  expect(await of(server, 'one').put('a', '1')).toBe(KV.agrees);
  const [file] = readdirSync(directory);
  writeFileSync(path.join(directory, `${file}.new`), 'half');
  await server.control.removeTenant('one');
  expect(readdirSync(directory)).toEqual([]);
});
