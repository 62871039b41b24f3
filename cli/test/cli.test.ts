import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const BIN = path.join(__dirname, '..', 'bin', 'sledge.js');
const capture = path.join(__dirname, '../../native/test/rpc/captures/erpc-exchange.pcap');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

// A sandbox of the user's own: it "compiles" by copying, and refuses what says so.
const SANDBOX = `
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { definePlugin, SledgeError, z } from '@sledge/core';
export default definePlugin({
  name: 'copying-sandbox', kind: 'sandbox', apiVersion: 1,
  options: z.strictObject({ strictFloat: z.boolean().default(false) }),
  create: (options) => ({
    workers: 'native' as const,
    async build({ wasm, name, cacheDirectory, level }) {
      if (wasm.length === 0) {
        throw new SledgeError('SLEDGE_ERR_BUILD_MALFORMED', { name, reason: 'empty', offset: 0 });
      }
      mkdirSync(cacheDirectory, { recursive: true });
      const artifactPath = cacheDirectory + '/' + name.replaceAll('/', '-') + '.so';
      writeFileSync(artifactPath, [level, options.strictFloat, wasm.length].join(' '));
      return { artifactPath, contentHash: 'ab', cached: false, durationMs: 2 };
    },
  }),
});
`;

const CONFIG = {
  sandbox: './sandbox.ts',
  build: { cacheDirectory: './cache' },
  tenants: [
    { name: 'gwu', port: 0, functions: [{ name: 'fib', path: 'fib.wasm', route: '/fib' }] },
  ],
};

const file = (name: string) => path.join(folder, name);
writeFileSync(file('sandbox.ts'), SANDBOX);
writeFileSync(file('fib.wasm'), 'wasm');
writeFileSync(file('empty.wasm'), '');
writeFileSync(file('sledge.config.json'), JSON.stringify(CONFIG));
writeFileSync(file('wrong.json'), '{\n  "wokers": {}\n}');

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function sledge(args: readonly string[], env: NodeJS.ProcessEnv = {}): Result {
  return spawnSync(process.execPath, [BIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...env },
    timeout: 120_000,
  });
}

test('--version and --help answer and exit 0', () => {
  const version = sledge(['--version']);
  expect([version.status, version.stdout]).toEqual([0, '0.1.0\n']);
  const help = sledge(['--help']);
  expect(help.status).toBe(0);
  for (const command of ['start', 'build', 'check', 'invoke', 'functions', 'plugins', 'doctor']) {
    expect(help.stdout).toContain(`  ${command} `);
  }
});

test('a misspelt command is a usage error with the nearest one', () => {
  const { status, stderr } = sledge(['chek']);
  expect(status).toBe(2);
  expect(stderr).toContain('SLEDGE_ERR_CLI_USAGE');
  expect(stderr).toContain('Did you mean check?');
});

test('check prints what is in force, with defaults and overrides, and exits 0', () => {
  const { status, stdout } = sledge(['check', '--set', 'workers.spinUs=7', '--json'], {
    SLEDGE_CFG_LIMITS_MAX_INVOCATIONS: '99',
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    file: file('sledge.config.json'),
    warnings: [],
    config: {
      workers: { spinUs: 7, idle: 'adaptive' },
      limits: { maxInvocations: 99 },
      sandbox: ['copying-sandbox', { strictFloat: false }],
      tenants: [{ functions: [{ path: file('fib.wasm'), limits: { wallTimeUs: 1_000_000 } }] }],
    },
  });
});

test('check prints YAML for people', () => {
  const { status, stdout } = sledge(['check']);
  expect(status).toBe(0);
  expect(stdout).toContain('idle: adaptive');
});

test('a wrong configuration exits 3 with code, place, nearest name and how to solve it', () => {
  const { status, stderr, stdout } = sledge(['check', '-c', 'wrong.json']);
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toContain('SLEDGE_ERR_CONFIG_INVALID');
  expect(stderr).toContain('wokers (2:3): unknown key; did you mean workers?');
  expect(stderr).toContain('How to solve it:');
  expect(stderr).not.toContain('    at ');
});

test('--json gives the error as JSON, and --verbose its stack on standard error', () => {
  const { status, stdout, stderr } = sledge(['check', '-c', 'wrong.json', '--json', '--verbose']);
  expect(status).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'SLEDGE_ERR_CONFIG_INVALID' } });
  expect(stderr).toContain('    at ');
});

test('a plugin that does not exist exits 4', () => {
  const { status, stderr } = sledge(['check', '--set', 'scheduler=fofi']);
  expect(status).toBe(4);
  expect(stderr).toContain('did you mean fifo?');
});

test('functions lists tenant, name, route and file', () => {
  const { status, stdout } = sledge(['functions', '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([
    { tenant: 'gwu', name: 'fib', route: '/fib', port: 0 },
  ]);
  expect(sledge(['functions']).stdout).toMatch(/gwu +fib +0 +\/fib/);
});

test('plugins lists installed ones and the configured one from its file', () => {
  const { status, stdout } = sledge(['plugins', '--json']);
  expect(status).toBe(0);
  const rows = JSON.parse(stdout) as { name: string; isUsed: boolean; from: string }[];
  expect(rows).toContainEqual(
    expect.objectContaining({ name: 'copying-sandbox', isUsed: true, from: file('sandbox.ts') }),
  );
  const awsm = rows.find((row) => row.name === 'sandbox-awsm');
  expect(awsm).toMatchObject({ isUsed: false, kind: 'sandbox' });
});

test('build without files builds every function of the configuration', () => {
  const { status, stdout } = sledge(['build', '--json', '--level', 'development']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([
    { name: 'gwu/fib', artifactPath: file('cache/gwu-fib.so'), cached: false },
  ]);
  expect(readFileSync(file('cache/gwu-fib.so'), 'utf8')).toBe('development false 4');
});

test('build without files and without a configuration says what is missing', () => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'build'], {
    cwd: mkdtempSync(file('nothing-')),
    encoding: 'utf8',
  });
  expect(status).toBe(3);
  expect(stderr).toContain('SLEDGE_ERR_CONFIG_NOT_FOUND');
});

test('build puts what it built into --out and passes --strict-float on', () => {
  const { status, stderr } = sledge(['build', 'fib.wasm', '--strict-float', '--out', 'out']);
  expect(stderr).toContain('fib built in 2 ms');
  expect(status).toBe(0);
  expect(readFileSync(file('out/fib.wasm.so'), 'utf8')).toBe('production true 4');
});

test('a file that does not build exits 5 and the others are built', () => {
  rmSync(file('cache'), { recursive: true, force: true });
  const { status, stderr } = sledge(['build', 'empty.wasm', 'fib.wasm', 'notes.txt']);
  expect(status).toBe(5);
  expect(stderr).toContain('SLEDGE_ERR_BUILD_MALFORMED empty is not a WebAssembly module');
  expect(stderr).toContain('SLEDGE_ERR_BUILD_SOURCE notes.txt cannot be built');
  expect(existsSync(file('cache/fib.so'))).toBe(true);
});

test('build compiles C to a WASI command with a small memory', () => {
  writeFileSync(
    file('hello.c'),
    '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n',
  );
  const { status, stderr } = sledge(['build', 'hello.c']);
  expect([status, stderr]).toEqual([0, expect.stringContaining('hello built')]);
  const wasm = new WebAssembly.Module(readFileSync(file('hello.wasm')));
  expect(WebAssembly.Module.exports(wasm).map((entry) => entry.name)).toContain('_start');
});

test("build shows the C compiler's own words for wrong C", () => {
  writeFileSync(file('wrong.c'), 'int main(void) { return nothing; }\n');
  const { status, stderr } = sledge(['build', 'wrong.c']);
  expect(status).toBe(5);
  expect(stderr).toContain("use of undeclared identifier 'nothing'");
});

test('doctor says what each fact of the machine means for the configuration', () => {
  const { stdout } = sledge(['doctor', '--json']);
  const facts = JSON.parse(stdout) as { name: string; meaning: string }[];
  const names = facts.map((fact) => fact.name);
  expect(names).toEqual(
    expect.arrayContaining(['node', 'cores', 'vm.max_map_count', 'address space', 'clang']),
  );
  expect(facts.every((fact) => fact.meaning.length > 0)).toBe(true);
});

test('output that cannot be written is a failure and no crash', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'check'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
      timeout: 120_000,
    });
    expect(status).toBe(1);
    expect(stderr).not.toContain('at writeSync');
  } finally {
    closeSync(full);
  }
});

describe('sledge capture', () => {
  test('says in a line what each eRPC packet is', () => {
    const { status, stdout } = sledge(['capture', capture]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/ ms {2}.*ConnectReq/);
    const lines = JSON.parse(sledge(['capture', capture, '--json']).stdout) as unknown[];
    expect(stdout.match(/^ +[0-9.]+ ms/gm)).toHaveLength(lines.length);
  });

  test('a file that is no capture is refused in words', () => {
    const { status, stderr } = sledge(['capture', 'sledge.config.json']);
    expect(status).not.toBe(0);
    expect(stderr).toContain('SLEDGE_ERR_RPC_CAPTURE');
  });
});
