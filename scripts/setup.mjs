// npm run setup: makes a fresh checkout runnable; a second run finds nothing to do.
// --build-only leaves Debian and npm packages alone.
import { fileURLToPath } from 'node:url';
import { withLock } from './lib/lock.mjs';
import {
  checkMachine,
  debianPackages,
  functionModules,
  native,
  npmPackages,
  typescript,
} from './lib/setup-steps.mjs';
import { runMain } from './lib/step.mjs';

/**
 * @param {{ buildOnly?: boolean, forTests?: boolean, forLongTests?: boolean,
 *   forBenches?: boolean }} options
 */
export async function setUp(options = {}) {
  const { buildOnly = false, forTests = false, forLongTests = false, forBenches = false } = options;
  checkMachine();
  await withLock(async () => {
    if (!buildOnly) {
      const installDebian = debianPackages(forTests, forLongTests);
      await Promise.all([installDebian(), npmPackages()]);
    }
    const parts = { tests: forTests, benches: forBenches };
    await Promise.all([typescript(), native('release', parts)]);
    await functionModules();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await setUp({ buildOnly: process.argv.includes('--build-only') });
    console.log('Ready: npm start');
  });
}
