import { Worker } from 'node:worker_threads';
import type { Outcome } from '../src/contracts/invocation';
import { PlaneUnderTest } from './support/native-plane';

/** (module (memory 1) (func (export "run") (result i32) (i32.load (i32.const -4)))) */
const OUT_OF_BOUNDS = Buffer.from(
  '0061736d010000000105016000017f030201000503010001070701037275' +
    '6e00000a0901070041' +
    '7c280200' +
    '0b',
  'hex',
);

const TRAPS = ['trap_out_of_bounds', 'trap_stack_overflow', 'trap_division_by_zero'];

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { run(): number } };
  RuntimeError: new () => Error;
};

function trapInV8(): unknown {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(OUT_OF_BOUNDS));
  try {
    return exports.run();
  } catch (error) {
    return error;
  }
}

function overflowStack(depth: number): number {
  return overflowStack(depth + 1) + 1;
}

/** Lets sandboxes trap all the time while `work` goes on. */
async function whileTrapping(under: PlaneUnderTest, work: () => Promise<void>): Promise<void> {
  let isOver = false;
  let trapped = 0;
  const loops = TRAPS.map(async (name) => {
    while (!isOver) {
      const outcome: Outcome = await under.call(name);
      if (outcome.status === 'trapped') trapped += 1;
    }
  });
  await work();
  isOver = true;
  await Promise.all(loops);
  expect(trapped).toBeGreaterThan(0);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('beside sandboxes that trap', () => {
  let under: PlaneUnderTest;

  beforeAll(async () => {
    under = PlaneUnderTest.start();
    for (const name of TRAPS) await under.add(name);
  });
  afterAll(() => under.plane.stop());

  it("V8's own Wasm traps stay exceptions", async () => {
    await whileTrapping(under, async () => {
      for (let round = 0; round < 200; round += 1) {
        expect(String(trapInV8())).toContain('memory access out of bounds');
        await turn();
      }
    });
  });

  it('a JavaScript stack overflow stays a RangeError', async () => {
    await whileTrapping(under, async () => {
      for (let round = 0; round < 20; round += 1) {
        expect(() => overflowStack(0)).toThrow('Maximum call stack size exceeded');
        await turn();
      }
    });
  });

  it('worker_threads come, trap, and go', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      let caught;
      try {
        new WebAssembly.Instance(new WebAssembly.Module(workerData)).exports.run();
      } catch (error) { caught = error.message; }
      parentPort.postMessage(caught);`;
    await whileTrapping(under, async () => {
      for (let round = 0; round < 5; round += 1) {
        const worker = new Worker(code, { eval: true, workerData: OUT_OF_BOUNDS });
        const message = await new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
        expect(message).toContain('memory access out of bounds');
        await worker.terminate();
      }
    });
  });
});
