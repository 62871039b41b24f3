import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { artifact, functionSpec, planeOptions } from './support/native-plane';

const DIST = join(__dirname, '../dist');
const CHILD = join(__dirname, 'support/teardown-child.cjs');
const LIMIT_MS = 120_000;

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

async function endingOf(scenario: string): Promise<Ending> {
  const functions = [];
  for (const name of ['fibonacci', 'endless_loop', 'trap_out_of_bounds']) {
    functions.push(functionSpec(name, await artifact(name), { wallTimeUs: 5_000 }));
  }
  const setup = { dist: DIST, scenario, functions, options: planeOptions({ workerCount: 2 }) };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(setup)], { timeout: LIMIT_MS });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

describe('a process that ends with invocations in flight', () => {
  beforeAll(() => {
    if (!existsSync(join(DIST, 'data-plane'))) throw new Error('build core first: npx tsc -b core');
  });

  it.each([
    ['by process.exit ends with its code', 'exit', 3],
    ['by an uncaught throw ends with 1', 'throw', 1],
    ['after stop ends by itself', 'stop', 0],
    ['survives ten callbacks that throw, and each of them is told', 'callback', 10],
    ['in a worker_thread that is terminated goes on', 'worker', 5],
    ['by process.exit beside a worker_thread ends with its code', 'workerExit', 6],
  ])('%s', async (_title, scenario, code) => {
    const ending = await endingOf(scenario);
    expect(ending).toMatchObject({ code, signal: null });
    if (scenario === 'throw') expect(ending.stderr).toContain('on purpose');
  });
});
