// npm run bench -- <name> [--json FILE] [--quick]: the built harness, after the set-up.
import { createRequire } from 'node:module';
import { inRoot } from './lib/paths.mjs';
import { runMain } from './lib/step.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  await setUp({ forTests: true, forBenches: true });
  const { main } = createRequire(import.meta.url)(inRoot('bench/dist/index.js'));
  return main(process.argv.slice(2));
});
