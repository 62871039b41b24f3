// Keeps one version after another, the bytes of each told by its number, until it is killed.
const { createHash } = require('node:crypto');
const path = require('node:path');

const [file, dist] = process.argv.slice(2);
const { openStore } = require(path.join(dist, 'control/function-store.js'));
const KEPT = 3;

const bytesOf = (version) => Buffer.alloc(30_000 + version * 17, `version ${version}`);
const hashOf = (wasm) => createHash('sha256').update(wasm).digest('hex');
const store = openStore(file);
const [before] = store.functions();

for (let current = (before?.current ?? 0) + 1; ; current += 1) {
  const numbers = [...Array(KEPT).keys()].map((age) => current - age).filter((one) => one > 0);
  const versions = numbers
    .reverse()
    .map((version) => ({ version, hash: hashOf(bytesOf(version)), settings: {}, at: 'now' }));
  const state = { tenant: 't', name: 'f', current, previous: [], nextVersion: current + 1 };
  store.saveFunction({ ...state, split: null, events: [], versions }, bytesOf(current));
  process.stdout.write(`${current}\n`);
}
