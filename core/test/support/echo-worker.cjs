// A JavaScript sandbox's worker for tests: does what the function's name says.
const { workerData } = require('node:worker_threads');

const { ExternalWorker } = require(workerData.bindingPath);
const worker = new ExternalWorker(workerData.handle, workerData.worker);

function run({ argv, environ, input }) {
  if (argv[0] === 'loop') for (;;);
  if (argv[0] === 'crash') process.exit(1);
  if (argv[0] === 'exit') return [1, 9, new Uint8Array()];
  const text = [argv.join(' '), environ.join(' '), Buffer.from(input).toString()].join('|');
  return [0, 0, Buffer.from(text, 'latin1')];
}

for (;;) {
  let work;
  try {
    work = worker.take(50);
  } catch {
    break;
  }
  if (work !== null) worker.complete(work.token, ...run(work));
}
