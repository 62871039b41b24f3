// npm start: the set-up, then `sledge start` in this very process, so that signals, standard input
// and the exit code are the server's own.
import { createRequire } from 'node:module';
import { inRoot } from './lib/paths.mjs';
import { cliMain } from './lib/setup-steps.mjs';
import { runMain } from './lib/step.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  await setUp();
  const main = inRoot(cliMain());
  process.argv = [process.execPath, main, 'start', ...process.argv.slice(2)];
  createRequire(import.meta.url)(main);
  return process.exitCode;
});
