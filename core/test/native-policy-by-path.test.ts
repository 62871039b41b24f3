import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlaneUnderTest, textOf } from './support/native-plane';

const ROOT = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'sledge-own-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a dispatcher built against the public header alone serves, named by its path', async () => {
  const library = join(folder, 'power-of-two-choices.so');
  const source = join(ROOT, 'examples/policies/power-of-two-choices/power-of-two-choices.cpp');
  const include = join(ROOT, 'native/include');
  const flags = ['-std=c++20', '-O2', '-fPIC', '-shared', '-Wall', '-Wextra', '-Werror'];
  execFileSync('g++', [...flags, '-I', include, '-o', library, source], { cwd: folder });
  const under = PlaneUnderTest.start({ workerCount: 2, dispatcher: { library, options: {} } });
  try {
    await under.add('fibonacci');
    const calls = Array.from({ length: 20 }, () => under.call('fibonacci', { args: ['15'] }));
    const outcomes = await Promise.all(calls);
    expect(outcomes.map((outcome) => textOf(outcome).trim())).toEqual(Array(20).fill('610'));
  } finally {
    await under.plane.stop();
  }
});
