// Goal: a function's file that is cut short or exchanged while it is read gives the old function,
// the new one, or an error with its name; nothing between.
// Method: a thread writes two modules and halves of them into one file all the time, while it is
// built over and over by the real compiler.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import awsm from '@sledge/sandbox-awsm';
import type { PluginContext } from '@sledge/core';
import { buildAll } from '@sledge/core/host';
import { root } from './server';

const READS = process.env.SLEDGE_TEST_LONG === '1' ? 2_000 : 40;
/** Whoever writes may be slow to begin. */
const READS_MAX = 5000;
const cacheDirectory = path.join(root, '.cache', 'e2e');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const modules = ['empty', 'exit'].map((name) =>
  readFileSync(path.join(root, 'functions', `${name}.wasm`)),
);
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const WRITER = `
  const { workerData } = require('node:worker_threads');
  const { writeFileSync, renameSync } = require('node:fs');
  for (let at = 0; ; at += 1) {
    const bytes = workerData.modules[at % 2];
    if (at % 3 === 0) writeFileSync(workerData.file, bytes.subarray(0, bytes.length >> 1));
    if (at % 3 === 1) writeFileSync(workerData.file, bytes);
    if (at % 3 === 2) {
      writeFileSync(workerData.file + '.new', bytes);
      renameSync(workerData.file + '.new', workerData.file);
    }
  }`;

test('a file that changes while it is read is one of its contents, or a named error', async () => {
  const file = path.join(folder, 'fn.wasm');
  writeFileSync(file, modules[0] as Buffer);
  const sandbox = await awsm.create(awsm.options.parse({}), {} as PluginContext);
  const settings = { cacheDirectory, level: 'production', parallel: 1 } as const;
  const job = { name: 'a/fn', file };
  const writer = new Worker(WRITER, { eval: true, workerData: { modules, file } });
  const seen = new Map<string, number>();
  for (let at = 0; at < READS || (seen.size < 2 && at < READS_MAX); at += 1) {
    const [report] = await buildAll(sandbox, [job], settings);
    const what = report?.module?.contentHash ?? report?.error?.code ?? 'nothing';
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }
  await writer.terminate();
  console.log(`${READS} reads: ${[...seen].map(([what, count]) => `${count} ${what}`).join(', ')}`);
  const whole = modules.map(hashOf);
  const others = [...seen.keys()].filter((what) => !whole.includes(what));
  expect(others.filter((what) => !/^SLEDGE_ERR_(BUILD|MODULE)_/.test(what))).toEqual([]);
  expect(seen.size).toBeGreaterThan(1);
});

test('a start with a file that was cut short names it, with the exit code of builds', () => {
  const file = path.join(folder, 'short.wasm');
  const bytes = modules[0] as Buffer;
  writeFileSync(file, bytes.subarray(0, bytes.length - 20));
  const config = path.join(folder, 'sledge.config.json');
  const functions = [{ name: 'short', path: file, route: '/short' }];
  writeFileSync(config, JSON.stringify({ tenants: [{ name: 'a', port: 0, functions }] }));
  const cli = path.join(root, 'cli/bin/sledge.js');
  const { status, stderr } = spawnSync(process.execPath, [cli, 'start', '-c', config], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([5, expect.stringContaining('short')]);
  expect(stderr).toMatch(/SLEDGE_ERR_(BUILD|MODULE)_/);
});
