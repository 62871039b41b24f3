// One way for a process to end while invocations are in flight; the parent looks at how it ended.
const { join } = require('node:path');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

const setup = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const { createDataPlane } = require(join(setup.dist, 'data-plane'));

function start() {
  const plane = createDataPlane(setup.options);
  const ids = setup.functions.map((spec) => plane.addFunction(spec));
  const request = { args: ['20'], environ: [] };
  const again = (id) => () => {
    try {
      plane.submit(id, request, again(id));
    } catch (error) {
      if (!/STOPPED|DRAINING/.test(error.code)) throw error;
    }
  };
  for (let count = 0; count < 16; count += 1) for (const id of ids) again(id)();
  return plane;
}

const scenarios = {
  exit: () => (start(), setTimeout(() => process.exit(3), 50)),
  throw: () => {
    start();
    setTimeout(() => {
      throw new Error('on purpose');
    }, 50);
  },
  stop: () => {
    const plane = start();
    setTimeout(() => void plane.stop(), 50);
  },
  callback: () => {
    const plane = start();
    let thrown = 0;
    process.on('uncaughtException', () => (thrown += 1));
    let ended = 0;
    const request = { args: ['1'], environ: [] };
    for (let count = 0; count < 10; count += 1) {
      plane.submit(0, request, () => {
        ended += 1;
        if (ended === 10) setTimeout(() => plane.stop().then(() => process.exit(thrown)), 20);
        throw new Error('callback');
      });
    }
  },
  worker: () => {
    const worker = new Worker(__filename, { workerData: { ...setup, scenario: 'inside' } });
    setTimeout(() => void worker.terminate(), 300);
    worker.on('exit', () => setTimeout(() => process.exit(5), 50));
  },
  inside: () => start(),
  workerExit: () => {
    new Worker(__filename, { workerData: { ...setup, scenario: 'inside' } });
    setTimeout(() => process.exit(6), 300);
  },
};

scenarios[setup.scenario]();
