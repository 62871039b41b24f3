import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './server';

const SECONDS = process.env['SLEDGE_TEST_LONG'] === '1' ? 20 : 6;

test(`${SECONDS} s at 80 % load with faults: nothing grows, every outcome comes once`, async () => {
  const script = path.join(root, 'scripts/soak.mjs');
  const child = spawn(process.execPath, [
    '--expose-gc',
    script,
    '--built',
    '--seconds',
    String(SECONDS),
  ]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (said += text.toString()));
  }
  const code = await new Promise((resolve) => child.on('exit', resolve));
  expect({ code, said }).toMatchObject({
    code: 0,
    said: expect.stringContaining('missing outcomes: 0') as string,
  });
}, 320_000);
