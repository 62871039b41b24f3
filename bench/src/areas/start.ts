import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { startFastify, startSledge } from '../server-process';
import type { ServerProcess } from '../server-process';
import { CLI } from '../sledge';
import { load } from '../wrk';

const run = promisify(execFile);
const HELLO = "export default () => 'hello';\n";

interface NativeReport {
  figures: { name: string; median: number }[];
}

/** Modules of three sizes, as snapshots leave them; each run gives one sample a figure. */
async function snapshotFigures(context: BenchContext): Promise<Figure[]> {
  const program = join(context.root, 'build/native/src/sandbox/test/sandbox_bench');
  const samples = new Map<string, number[]>();
  for (let round = 0; round < (context.quick ? 3 : 9); round += 1) {
    const { stdout } = await run(program, ['--snapshots']);
    for (const { name, median } of (JSON.parse(stdout) as NativeReport).figures) {
      samples.set(name, [...(samples.get(name) ?? []), median]);
    }
  }
  return [...samples].map(([name, values]) => figure(name, 'ns', values));
}

async function helloModule(context: BenchContext): Promise<string> {
  const folder = join(context.cacheDirectory, 'start');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'hello.js'), HELLO);
  context.note('the first build of a JavaScript function compiles its engine');
  const cache = `build.cacheDirectory=${join(context.cacheDirectory, 'artifacts')}`;
  await run(process.execPath, [CLI, 'build', join(folder, 'hello.js'), '--set', cache]);
  return join(folder, 'hello.wasm');
}

async function helloFigures(
  context: BenchContext,
  sledge: ServerProcess,
  fastify: ServerProcess,
): Promise<Figure[]> {
  const own: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < (context.quick ? 5 : 15); round += 1) {
    own.push((await load(sledge.url, 1, 1)).p50Us);
    peer.push((await load(fastify.url, 1, 1)).p50Us);
    context.note(`round ${round + 1}`);
  }
  return [figure('js_hello_http_p50', 'us', own), figure('js_hello_fastify_p50', 'us', peer)];
}

/** Functions that are ready before their request: snapshots by size, and QuickJS with a script. */
export const startArea: BenchArea = {
  name: 'start',
  summary: 'instances of captured modules: first instruction, reset, JavaScript over HTTP',
  async run(context) {
    const native = await snapshotFigures(context);
    const started: ServerProcess[] = [];
    try {
      const sledge = await startSledge(context, await helloModule(context));
      started.push(sledge);
      const fastify = await startFastify();
      started.push(fastify);
      return [...native, ...(await helloFigures(context, sledge, fastify))];
    } finally {
      await Promise.all(started.map((server) => server.stop()));
    }
  },
};
