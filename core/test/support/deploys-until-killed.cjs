// Keeps one version after another, the bytes of each told by its number, until it is killed.
const { createHash } = require('node:crypto');
const { writeSync } = require('node:fs');
const path = require('node:path');

const [file, dist] = process.argv.slice(2);
const { openStore } = require(path.join(dist, 'control/function-store.js'));
const KEPT = 3;

const bytesOf = (version) => Buffer.alloc(30_000 + version * 17, `version ${version}`);
const hashOf = (wasm) => createHash('sha256').update(wasm).digest('hex');
/** Returns when it has been said: a version that nobody has heard of is the last one. */
function say(text) {
  for (;;) {
    try {
      return writeSync(1, text);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // the reader stands still
    }
  }
}

const store = openStore(file);
const [before] = store.functions();

for (let current = (before?.current ?? 0) + 1; ; current += 1) {
  const numbers = [...Array(KEPT).keys()].map((age) => current - age).filter((one) => one > 0);
  const versions = numbers
    .reverse()
    .map((version) => ({ version, hash: hashOf(bytesOf(version)), settings: {}, at: 'now' }));
  const state = { tenant: 't', name: 'f', current, previous: [], nextVersion: current + 1 };
  store.saveFunction({ ...state, split: null, events: [], versions }, bytesOf(current));
  say(`${current}\n`);
}
