// One set-up at a time per checkout: a second one waits for the first and then finds its work done.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';

const LOCK = join(CACHE, 'setup.lock');
const WAIT_LIMIT_MS = 20 * 60 * 1000;

function holderIsAlive() {
  try {
    process.kill(Number(readFileSync(LOCK, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryTake() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

/** Runs `work` while holding the lock; waits at most 20 minutes for another holder. */
export async function withLock(work) {
  mkdirSync(CACHE, { recursive: true });
  const started = Date.now();
  let said = false;
  while (!tryTake()) {
    if (!holderIsAlive()) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (Date.now() - started > WAIT_LIMIT_MS) throw new Error(`${LOCK} is held for too long`);
    if (!said) console.log('Another set-up of this checkout is running; waiting for it.');
    said = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const release = () => rmSync(LOCK, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}
