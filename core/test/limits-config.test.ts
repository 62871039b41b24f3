import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { configFromObject, loadConfig } from '../src';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(path.join(folder, 'fib.wasm'), '');

function limitsOf(tenant: object, own: object) {
  const functions = [{ name: 'fib', path: 'fib.wasm', limits: own }];
  const value = { tenants: [{ name: 'a', limits: tenant, functions }] };
  return configFromObject(value, folder).config.tenants[0]?.functions[0]?.limits;
}

describe('limits of a tenant', () => {
  test.each([
    ['wallTimeUs', 5, 9, 5],
    ['wallTimeUs', 9, 5, 5],
    ['cpuTimeUs', 5, 0, 5],
    ['cpuTimeUs', 0, 9, 9],
    ['memoryBytes', 65_536, 131_072, 65_536],
    ['memoryBytes', 65_536, 0, 0],
    ['outputBytes', 5, 9, 5],
    ['outputBytes', 5, 0, 0],
    ['stackBytes', 65_536, 0, 65_536],
    ['stackBytes', 131_072, 65_536, 65_536],
    ['stackBytes', 0, 65_536, 65_536],
  ])('%s %i makes of a function with %i one with %i', (name, tenant, own, inForce) => {
    expect(limitsOf({ [name]: tenant }, { [name]: own })).toMatchObject({ [name]: inForce });
  });

  test('hold for the defaults of functions too, and are no limit by default', () => {
    expect(limitsOf({ wallTimeUs: 5 }, {})).toMatchObject({ wallTimeUs: 5, cpuTimeUs: 0 });
    expect(limitsOf({}, {})).toEqual({
      wallTimeUs: 1_000_000,
      cpuTimeUs: 0,
      outputBytes: 4_194_304,
      stackBytes: 0,
      memoryBytes: 134_217_728,
      bodyBytes: 4_194_304,
      concurrency: 0,
      queued: 0,
    });
  });
});

test('tenants share a port by Host name or by prefix', () => {
  const tenants = [
    { name: 'a', port: 80, hostNames: ['a.test'] },
    { name: 'b', port: 80, hostNames: ['*.b.test'] },
    { name: 'c', port: 80, pathPrefix: '/c' },
    { name: 'd', port: 80 },
  ];
  expect(configFromObject({ tenants }, folder).config.tenants).toMatchObject(tenants);
});

test.each([
  [{ pathPrefix: '/a/' }, 'tenants[0].pathPrefix'],
  [{ hostNames: ['A.test'] }, 'tenants[0].hostNames[0]'],
  [{ hostNames: ['a.test:80'] }, 'tenants[0].hostNames[0]'],
  [{ budget: { timeUs: 300_001, periodUs: 100_000 } }, 'tenants[0].budget: 3.00 workers'],
  [{ limits: { burst: 0 } }, 'tenants[0].limits.burst'],
  [{ limits: { weight: 0 } }, 'tenants[0].limits.weight'],
])('a tenant with %j is refused with its place', (tenant, place) => {
  const value = { workers: { count: 3 }, tenants: [{ name: 'a', ...tenant }] };
  expect(() => configFromObject(value, folder)).toThrow(place);
});

test('budgets and limits over time are none, and weights are equal, unless they are given', () => {
  const tenants = configFromObject({ tenants: [{ name: 'a' }] }, folder).config.tenants;
  expect(tenants[0]?.budget).toBeUndefined();
  const pace = { requestsPerSecond: 0, burst: 100, cpuMsPerSecond: 0, weight: 1 };
  expect(tenants[0]?.limits).toMatchObject(pace);
});

test('a stack that no slot has room for is refused with its place', async () => {
  const file = path.join(folder, 'stacks.json');
  writeFileSync(
    file,
    `{ "arena": { "stackBytes": 131072 },
  "tenants": [
    { "name": "a", "limits": { "stackBytes": 131073 }, "functions": [
      { "name": "fib", "path": "fib.wasm", "limits": { "stackBytes": 262144 } },
      { "name": "fob", "path": "fib.wasm", "limits": { "stackBytes": 131072 } } ] }
  ]
}`,
  );
  const refused = loadConfig({ file, cwd: folder, env: {} });
  await expect(refused).rejects.toMatchObject({ code: 'SLEDGE_ERR_CONFIG_INVALID' });
  const { message } = (await refused.catch((error: unknown) => error)) as Error;
  const most = 'expected at most arena.stackBytes, which is 131072, got';
  expect(message).toContain(`tenants[0].limits.stackBytes (3:46): ${most} 131073`);
  expect(message).toContain(`tenants[0].functions[0].limits.stackBytes (4:70): ${most} 262144`);
  expect(message).not.toContain('functions[1]');
});

test('a stack is at least what a host call needs', () => {
  expect(() => limitsOf({}, { stackBytes: 1000 })).toThrow(
    /limits\.stackBytes: expected at least 65536, got 1000/,
  );
});
