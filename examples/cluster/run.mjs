// Three Sledge nodes and a nats-server on this machine: node examples/cluster/run.mjs --help
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PREFIX = 'sledge-cluster';
const NETWORK = '10.213.71';
const PORT = 4222;
const START_MS = 60_000;

const USAGE = 'node examples/cluster/run.mjs [--once] [--nodes N] [--loopback]';

const values = options();

const folder = mkdtempSync(path.join(tmpdir(), `${PREFIX}-`));
const children = [];
const namespaces = [];

function options() {
  try {
    return parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        loopback: { type: 'boolean', default: false },
        nodes: { type: 'string', default: '3' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const ip = (...args) => {
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  return stdout;
};

function canUseNamespaces() {
  if (values.loopback || process.getuid?.() !== 0) return false;
  return spawnSync('ip', ['netns', 'list']).status === 0;
}

/** A run that was killed leaves its namespaces; those of one that runs are not touched. */
function removeLeftOver(name) {
  const names = ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0]);
  if (!names.includes(name)) return;
  const pids = ip('netns', 'pids', name).split('\n').filter(Boolean);
  if (pids.length > 0) {
    const way = `end it, or what a killed one left (kill ${pids.join(' ')}), or say --loopback`;
    throw new Error(`${name} is in use by another run: ${way}`);
  }
  ip('netns', 'del', name);
}

/** Namespace `0` has the bridge and nats-server; the others a node each. This machine is `h`. */
function addNamespace(number) {
  const name = `${PREFIX}-${number}`;
  removeLeftOver(name);
  ip('netns', 'add', name);
  namespaces.push(name);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  if (number === 0) {
    ip('-n', name, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', name, 'addr', 'add', `${NETWORK}.1/24`, 'dev', 'bridge');
    ip('-n', name, 'link', 'set', 'bridge', 'up');
    return;
  }
  join(number, name, `${NETWORK}.${number + 10}/24`);
}

/** One end inside `name`, the other at the bridge. */
function join(number, name, address) {
  const bridge = `${PREFIX}-0`;
  const peer = ['peer', 'name', `port${number}`, 'netns', bridge];
  const end = ['-n', name];
  ip(...end, 'link', 'add', 'eth0', 'type', 'veth', ...peer);
  ip(...end, 'addr', 'add', address, 'dev', 'eth0');
  ip(...end, 'link', 'set', 'eth0', 'up');
  ip('-n', bridge, 'link', 'set', `port${number}`, 'master', 'bridge', 'up');
}

/** Starts a command, in its namespace if there are some. */
function start(number, command, args) {
  const isApart = namespaces.length > 0;
  const within = isApart ? ['ip', 'netns', 'exec', `${PREFIX}-${number}`] : [];
  const [file, ...rest] = [...within, command, ...args];
  const child = spawn(file, rest, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  children.push(child);
  return child;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function until(what, condition) {
  const limit = Date.now() + START_MS;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`${what} does not come`);
    await delay(50);
  }
}

function startNats(address, port) {
  const args = ['-a', address, '-p', String(port), '-js', '-sd', path.join(folder, 'streams')];
  args.push('-l', path.join(folder, 'nats.log'));
  const child = start(0, 'nats-server', args);
  child.once('error', () => {
    console.error('nats-server is missing: apt-get install -y nats-server');
    void end(1);
  });
}

async function startNode(number, nats, address) {
  const name = `node-${number}`;
  const configFile = path.join(folder, `${name}.json`);
  const readyFile = path.join(folder, `${name}.ready`);
  const fib = path.join(ROOT, 'functions/fibonacci.wasm');
  const functions = [{ name: 'fib', path: fib, route: '/fib' }];
  const transports = [
    ['http', { host: address }],
    ['nats', { servers: [nats], node: name, durable: { ackWaitMs: 2_000 } }],
  ];
  const port = namespaces.length > 0 ? 8080 : 0;
  const config = {
    ...{ transports, workers: { count: 1, cores: 'unpinned' }, arena: { slots: 16 } },
    build: { cacheDirectory: path.join(ROOT, '.cache/cluster') },
    tenants: [{ name: 'acme', port, functions }],
  };
  writeFileSync(configFile, JSON.stringify(config));
  const sledge = path.join(ROOT, 'cli/bin/sledge.js');
  const args = [sledge, 'start', '-c', configFile, '--ready-file', readyFile, '--no-control'];
  start(number, process.execPath, args);
  await until(name, () => existsSync(readyFile));
  const { listeners } = JSON.parse(readFileSync(readyFile, 'utf8'));
  return { name, url: listeners.find(({ transport }) => transport === 'http').url };
}

/** What a client does, in the namespace of nats-server. */
async function tryIt(nats, nodes) {
  const client = path.join(import.meta.dirname, 'client.cjs');
  const urls = nodes.map(({ url }) => `${url}/fib?10`);
  const child = start(0, process.execPath, [client, nats, ...urls]);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the client ended with ${code}`);
}

async function endOne(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(timer);
}

let isEnding = false;
async function end(code) {
  if (isEnding) return;
  isEnding = true;
  // nodes give back what they work on, so NATS ends last
  await Promise.all(children.slice(1).map(endOne));
  await Promise.all(children.slice(0, 1).map(endOne));
  for (const name of namespaces) spawnSync('ip', ['netns', 'del', name]);
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

async function main() {
  const count = Number(values.nodes);
  if (values.help || !(count >= 1 && count <= 9)) {
    console.log(USAGE);
    return end(values.help ? 0 : 2);
  }
  createRequire(import.meta.url).resolve('@sledge/client-nats');
  const isApart = canUseNamespaces();
  if (isApart) for (let number = 0; number <= count; number += 1) addNamespace(number);
  console.log(isApart ? `namespaces ${PREFIX}-0 to -${count}` : 'all on loopback');
  const [address, port] = isApart ? [`${NETWORK}.1`, PORT] : ['127.0.0.1', await freePort()];
  const nats = `nats://${address}:${port}`;
  startNats(address, port);
  const nodes = [];
  for (let number = 1; number <= count; number += 1) {
    const own = isApart ? `${NETWORK}.${number + 10}` : '127.0.0.1';
    nodes.push(await startNode(number, nats, own));
  }
  for (const { name, url } of nodes) console.log(`${name}: ${url}/fib?10`);
  console.log(`NATS: ${nats}`);
  await tryIt(nats, nodes);
  if (values.once) return end(0);
  console.log('Ctrl-C ends it.');
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end(0));
main().catch((error) => {
  console.error(error.message);
  void end(1);
});
