import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { configFromObject, loadConfig, SledgeError } from '../src';
import type { LoadConfigOptions } from '../src';
import { workerCores } from '../src/config/cores';
import { configJsonSchema, configSchema } from '../src/config/schema';
import { cacheDirectoryOf } from '../src/functions/build-functions';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(path.join(folder, 'fib.wasm'), '');

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

function load(file: string | undefined, more: LoadConfigOptions = {}) {
  return loadConfig({ file, cwd: folder, env: {}, ...more });
}

async function failureOf(promise: Promise<unknown>): Promise<SledgeError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SledgeError);
  return thrown as SledgeError;
}

const fib = { name: 'fib', path: 'fib.wasm', route: '/fib' };

describe('where a configuration comes from', () => {
  const value = "{ seed: 42, tenants: [{ name: 'a', functions: [] }] }";
  const json = '{"seed": 42, "tenants": [{"name": "a", "functions": []}]}';
  test.each([
    ['plain.json', json],
    ['comments.json', `// for people\n${json}`],
    ['plain.yaml', 'seed: 42\ntenants: [{name: a, functions: []}]\n'],
    [
      'typed.ts',
      `import { defineConfig } from '@sledge/core';\nexport default defineConfig(${value});`,
    ],
    ['common.cjs', `module.exports = ${value};`],
  ])('%s is read', async (name, text) => {
    const { config } = await load(write(name, text));
    expect(config).toMatchObject({ seed: 42, tenants: [{ name: 'a' }] });
  });

  test('package.json is read under its key sledge', async () => {
    const inner = mkdtempSync(path.join(folder, 'package-'));
    writeFileSync(path.join(inner, 'package.json'), '{"name": "x", "sledge": {"seed": 5}}');
    expect((await load(undefined, { cwd: inner })).config.seed).toBe(5);
  });

  test('sledge.config.json is found in the working directory', async () => {
    const inner = mkdtempSync(path.join(folder, 'found-'));
    writeFileSync(path.join(inner, 'sledge.config.json'), '{"seed": 6}');
    const { config, folder: base } = await load(undefined, { cwd: inner });
    expect([config.seed, base]).toEqual([6, inner]);
  });

  test('a missing file is told from an empty folder by its path', async () => {
    const named = await failureOf(load('missing.json'));
    expect(named.code).toBe('SLEDGE_ERR_CONFIG_NOT_FOUND');
    expect(named.message).toContain(path.join(folder, 'missing.json'));
    const empty = mkdtempSync(path.join(folder, 'empty-'));
    const searched = await failureOf(load(undefined, { cwd: empty }));
    expect(searched.code).toBe('SLEDGE_ERR_CONFIG_NOT_FOUND');
  });

  test.each([
    ['torn.json', '{\n  "seed": 1,,\n}', '2:'],
    ['twice.json', '{\n  "seed": 1,\n  "seed": 2\n}', '3:3'],
    ['torn.yaml', 'seed: [1\nworkers: 2\n', '2:'],
    ['twice.yaml', 'seed: 1\nseed: 2\n', '2:1'],
    ['torn.ts', 'export default {{;', 'torn.ts'],
    ['throws.js', "throw new Error('on purpose')", 'on purpose'],
    ['nothing.json', '', 'empty'],
    ['cycle.yaml', 'tenants: &a [*a]\n', 'deeper than 100 levels'],
    ['cycle.cjs', 'const a = { seed: 1 }; a.tenants = [a]; module.exports = a;', 'deeper than'],
    ['list-cycle.cjs', 'const a = []; a.push(a); module.exports = a;', 'deeper than'],
    ['deep.json', '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000), 'stack'],
    [
      'getter.cjs',
      "module.exports = { get seed() { throw new Error('on purpose'); } };",
      'purpose',
    ],
    ['rejects.cjs', "module.exports = Promise.reject(new Error('on purpose'));", 'on purpose'],
    ['never.cjs', 'module.exports = new Promise(() => {});', 'did not settle within 10000 ms'],
  ])(
    '%s is unreadable, with the place',
    async (name, text, words) => {
      const error = await failureOf(load(write(name, text)));
      expect(error.code).toBe('SLEDGE_ERR_CONFIG_UNREADABLE');
      expect(error.message).toContain(words);
    },
    30_000,
  );

  test.each(['7', 'null'])('a configuration that is %s and no object is refused', async (text) => {
    const error = await failureOf(load(write('value.json', text)));
    expect(error.code).toBe('SLEDGE_ERR_CONFIG_INVALID');
    expect(error.message).toContain('value.json');
  });

  test('a value that JSON cannot show is refused like others', async () => {
    const error = await failureOf(load(write('bigint.cjs', 'module.exports = { seed: 1n };')));
    expect(error.message).toContain('seed: expected');
    expect(error.message).toContain('got 1n');
  });
});

describe('what is wrong with a configuration', () => {
  test('all problems come at once, with line, column and the nearest name', async () => {
    const file = write(
      'many.json',
      `{
  "workers": { "count": "two", "idel": "spin" },
  "log": { "level": "inof" },
  "tenants": [
    { "name": "a", "port": 70000, "functions": [
      { "name": "fib", "path": "fib.wasm", "route": "fib", "relativeDeadlineU": 1 } ] },
    { "name": "a" }
  ]
}`,
    );
    const { code, message } = await failureOf(load(file));
    expect(code).toBe('SLEDGE_ERR_CONFIG_INVALID');
    for (const line of [
      'workers.count (2:25): expected "auto" or a number, got "two"',
      'workers.idel (2:32): unknown key; did you mean idle?',
      'log.level (3:21): expected',
      'did you mean info?',
      'tenants[0].port (5:28): expected at most 65535, got 70000',
      'tenants[0].functions[0].route (6:53): expected a path that starts with "/"',
      'tenants[0].functions[0].relativeDeadlineU (6:60): unknown key',
      'did you mean relativeDeadlineUs?',
      'tenants[1].name (7:15): "a" is taken by tenants[0].name',
    ]) {
      expect(message).toContain(line);
    }
  });

  test('the place in a YAML file is its line and column', async () => {
    const error = await failureOf(load(write('place.yaml', 'workers:\n  spinUs: -1\n  cont: 2\n')));
    expect(error.message).toContain('workers.spinUs (2:11): expected at least 0, got -1');
    expect(error.message).toContain('workers.cont (3:3): unknown key; did you mean count?');
  });

  test.each([
    [
      'ports',
      [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
      'tenants[1].port: port 80',
    ],
    [
      'a port without Host names',
      [
        { name: 'a', port: 80, hostNames: ['a.test'] },
        { name: 'b', port: 80 },
        { name: 'c', port: 80 },
      ],
      'tenants[2].port: port 80 is taken by tenants[1].port',
    ],
    [
      'a Host name of one port',
      [
        { name: 'a', port: 80, hostNames: ['a.test', 'b.test'] },
        { name: 'b', port: 80, hostNames: ['c.test', 'b.test'] },
      ],
      'tenants[1].port: port 80 with the Host name "b.test" is taken by tenants[0].port',
    ],
    ['names of functions', [{ name: 'a', functions: [fib, { ...fib, route: '/x' }] }], '[1].name'],
    ['routes', [{ name: 'a', functions: [fib, { ...fib, name: 'x' }] }], '[1].route: GET /fib'],
    [
      'routes with and without a slash at the end',
      [{ name: 'a', functions: [fib, { ...fib, name: 'x', route: '/fib/' }] }],
      '[1].route: GET /fib is answered by tenants[0].functions[0] already',
    ],
    [
      'ports of one host, behind another host with the same',
      [
        { name: 'a', port: 80, host: '127.0.0.1' },
        { name: 'b', port: 80, host: '127.0.0.2' },
        { name: 'c', port: 80, host: '127.0.0.2' },
      ],
      'tenants[2].port: port 80 is taken by tenants[1].port',
    ],
    [
      'request types of a tenant',
      [
        { name: 'a', functions: [{ ...fib, requestType: 1 }] },
        {
          name: 'b',
          functions: [
            { ...fib, requestType: 1 },
            { ...fib, name: 'other', route: '/other', requestType: 1 },
          ],
        },
      ],
      'tenants[1].functions[1].requestType: 1 is taken by tenants[1].functions[0].requestType',
    ],
  ])('%s that stand twice are refused', (_title, tenants, words) => {
    expect(() => configFromObject({ tenants }, folder)).toThrow(words);
  });

  test('the same port on two hosts, and one route with other methods, are fine', () => {
    const get = { ...fib, methods: ['GET'] };
    const post = { ...fib, name: 'post', methods: ['POST'] };
    const tenants = [
      { name: 'a', port: 80, host: '127.0.0.1', functions: [get, post] },
      { name: 'b', port: 80, host: '127.0.0.2' },
      { name: 'c', port: 0 },
      { name: 'd', port: 0 },
    ];
    expect(configFromObject({ tenants }, folder).config.tenants).toHaveLength(4);
  });

  test('a function file that is not there is named with the nearest one', () => {
    const tenants = [{ name: 'a', functions: [{ ...fib, path: 'fob.wasm' }] }];
    expect(() => configFromObject({ tenants }, folder)).toThrow(
      /tenants\[0\]\.functions\[0\]\.path: there is no file fob\.wasm.*did you mean fib\.wasm\?/,
    );
  });

  test.each([
    ['a NUL', 'a\0.wasm', 'null bytes'],
    ['a name too long for the file system', `${'a'.repeat(300)}.wasm`, 'ENAMETOOLONG'],
  ])('a path with %s is a problem of its function', (_title, file, words) => {
    const tenants = [{ name: 'a', functions: [{ ...fib, path: file }] }];
    const run = () => configFromObject({ tenants }, folder);
    expect(run).toThrow('tenants[0].functions[0].path: cannot be looked up');
    expect(run).toThrow(words);
  });

  test('cores that this process may not use are refused', () => {
    expect(() => configFromObject({ workers: { cores: [4095] } })).toThrow('core 4095 is not');
    expect(() => configFromObject({ workers: { cores: [0, 0] } })).toThrow('stands twice');
    expect(() => configFromObject({ workers: { count: 2, cores: [0] } })).toThrow(
      'expected 2 cores',
    );
  });
});

describe('overrides', () => {
  const file = () =>
    write('base.json', JSON.stringify({ tenants: [{ name: 'gwu', functions: [fib] }] }));

  test('--set reaches every kind of key, with its type', async () => {
    const set = [
      'workers.count=1',
      'workers.cores=unpinned',
      'log.pretty=true',
      'tenants.gwu.port=0',
      'tenants.0.functions.fib.limits.wallTimeUs=5',
      'tenants.gwu.functions.fib.methods=GET,POST',
      'scheduler=edf',
      'scheduler.quantumUs=9',
      'transports.http.host=::1',
      'functionPath=["a","b"]',
      'tenants.gwu.name=7',
    ];
    const { config } = await load(file(), { set });
    expect(config).toMatchObject({
      workers: { count: 1, cores: 'unpinned' },
      log: { pretty: true },
      scheduler: ['edf', { quantumUs: 9 }],
      transports: [['http', { host: '::1' }]],
      functionPath: ['a', 'b'],
      tenants: [{ port: 0, name: '7', functions: [{ methods: ['GET', 'POST'] }] }],
    });
    expect(config.tenants[0]?.functions[0]?.limits.wallTimeUs).toBe(5);
  });

  test('variables reach the same keys, and --set wins over them', async () => {
    const env = {
      SLEDGE_CFG_WORKERS_SPIN_US: '3',
      SLEDGE_CFG_LIMITS_MAX_INVOCATIONS: '64',
      SLEDGE_CFG_TENANTS_GWU_FUNCTIONS_FIB_LIMITS_WALL_TIME_US: '5',
      SLEDGE_CFG_SCHEDULER_QUANTUM_US: '9',
      SLEDGE_SCHEDULER: 'EDF',
    };
    const { config } = await load(file(), { env, set: ['workers.spinUs=4'] });
    expect(config.workers.spinUs).toBe(4);
    expect(config.limits.maxInvocations).toBe(64);
    expect(config.tenants[0]?.functions[0]?.limits.wallTimeUs).toBe(5);
    expect(config.scheduler).toEqual(['fifo', { quantumUs: 9 }]);
  });

  test.each([
    ['workers.cuont=2', 'there is no key cuont; did you mean count?'],
    ['workers', 'no "="'],
    ['=2', 'no key'],
    ['tenants.gwo.port=1', 'no entry gwo; did you mean gwu?'],
    ['tenants.5.port=1', 'has 1 entries'],
    ['seed.x=1', 'seed has no keys'],
  ])('--set %s is refused with what is wrong', async (set, words) => {
    const error = await failureOf(load(file(), { set: [set] }));
    expect(error.code).toBe('SLEDGE_ERR_CONFIG_OVERRIDE');
    expect(error.message).toContain(words);
  });

  test('a variable that names no key is refused with the nearest one', async () => {
    const env = { SLEDGE_CFG_WORKERS_CUONT: '2' };
    const error = await failureOf(load(file(), { env }));
    expect(error.message).toContain('did you mean COUNT?');
  });

  test('a wrong value says which override it came from', async () => {
    const error = await failureOf(load(file(), { set: ['workers.count=two'] }));
    expect(error.message).toContain('workers.count (from --set workers.count=two): expected');
  });

  test('an override does not change the object that was given', async () => {
    const name = write('kept.js', 'module.exports = { workers: { spinUs: 1 } };');
    await load(name, { set: ['workers.spinUs=2'] });
    expect((await load(name)).config.workers.spinUs).toBe(1);
  });
});

test('the JSON schema accepts what is valid by shape and has no key that the schema lacks', () => {
  const schema = configJsonSchema() as { properties: object; additionalProperties: boolean };
  expect(Object.keys(schema.properties)).toEqual(Object.keys(configSchema.shape));
  expect(schema.additionalProperties).toBe(false);
});

test('auto cores are the last ones, and none are pinned when workers need them all', () => {
  const workers = configSchema.parse({ workers: { count: 2 } }).workers;
  expect(workerCores(workers, [0, 1, 2, 3])).toEqual([2, 3]);
  expect(workerCores(workers, [0, 1])).toEqual([-1, -1]);
});

test.each([undefined, '', 'relative'])('XDG_CACHE_HOME=%s means the one in the home', (value) => {
  const before = process.env.XDG_CACHE_HOME;
  if (value === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = value;
  try {
    const { build } = configSchema.parse({});
    expect(cacheDirectoryOf(build, folder)).toBe(path.join(homedir(), '.cache', 'sledge'));
  } finally {
    delete process.env.XDG_CACHE_HOME;
    if (before !== undefined) process.env.XDG_CACHE_HOME = before;
  }
});
