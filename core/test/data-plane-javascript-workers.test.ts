import { join } from 'node:path';
import { createDataPlane } from '../src/data-plane';
import { functionSpec, PlaneUnderTest, planeOptions, textOf } from './support/native-plane';
import type { Outcome } from '../src/contracts/invocation';

const WORKER = join(__dirname, 'support/echo-worker.cjs');

describe('worker_threads behind the native core', () => {
  let under: PlaneUnderTest;
  const ids = new Map<string, number>();

  beforeAll(() => {
    under = new PlaneUnderTest(
      createDataPlane(
        planeOptions({ workers: 'javascript', workerScript: WORKER, workerCount: 2 }),
      ),
    );
    for (const name of ['echo', 'exit', 'loop', 'crash']) {
      // what ends by itself may be held up by the machine
      const wallTimeUs = name === 'loop' ? 200_000 : 60_000_000;
      const spec = functionSpec(name, `/artifacts/${name}.wasm`, { wallTimeUs });
      ids.set(name, under.plane.addFunction(spec));
    }
  });
  afterAll(() => under.plane.stop());

  function call(name: string, args: string[] = [], input = ''): Promise<Outcome> {
    const request = { args, environ: ['A=1'], input: Buffer.from(input) };
    return new Promise((resolve) => {
      under.plane.submit(ids.get(name) as number, request, resolve);
    });
  }

  it('take args, environ and input, and give output and exit code back', async () => {
    expect(textOf(await call('echo', ['x', 'y'], 'body'))).toBe('echo x y|A=1|body');
    expect(await call('exit')).toMatchObject({ status: 'exited', exitCode: 9 });
  });

  it('are replaced when a function runs too long, and it has its outcome at once', async () => {
    const outcomes = await Promise.all([call('loop'), call('loop'), call('echo', ['after'])]);
    expect(outcomes.map(({ status }) => status)).toEqual(['timed-out', 'timed-out', 'completed']);
  });

  it('are replaced when they die, and what they ran has failed', async () => {
    const lost = await call('crash');
    expect(lost).toMatchObject({ status: 'failed' });
    expect(lost.error?.code).toBe('SLEDGE_ERR_INVOKE_WORKER_LOST');
    expect((await call('echo')).status).toBe('completed');
  });

  it('serve many requests with one outcome each', async () => {
    const texts = await Promise.all(
      Array.from({ length: 500 }, async (_, at) => textOf(await call('echo', [String(at)]))),
    );
    expect(texts).toEqual(texts.map((_, at) => `echo ${at}|A=1|`));
  });
});
