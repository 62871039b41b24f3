import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect as connectTo, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { connect } from '@nats-io/transport-node';
import { createLogger } from '@sledge/core/host';
import { registryContract } from '@sledge/core/testing';
import { NatsServer } from '../../../test/support/nats-server';
import { NatsRegistry } from '../src/nats-registry';
import { registryOptions } from '../src/options';

let nats: NatsServer;

/** As docs/guides/cluster-registry.md says it. */
const NODES = `authorization { users: [ { user: nodes, password: secret, permissions: {
  publish: ["$JS.API.>", "$JS.FC.>", "$KV.sledge-registry.>", "$KV.sledge-nodes.>",
            "$O.sledge-modules.>"]
  subscribe: ["_INBOX.>"] } } ] }`;
let credentials: { user: string; passwordFile: string };

beforeAll(async () => {
  nats = await NatsServer.start(NODES);
  const passwordFile = path.join(nats.folder, 'password');
  writeFileSync(passwordFile, 'secret', { mode: 0o600 });
  credentials = { user: 'nodes', passwordFile };
});
afterAll(() => nats.stop());

const logger = createLogger({ level: 'silent', pretty: false });

const nodeAt = async (url: string, node: string, more = {}): Promise<NatsRegistry> => {
  const small = { maxModulesBytes: 64 << 20, heartbeatMs: 100, reconnectWaitMs: 20 };
  const given = { servers: [url], node, credentials, ...small, ...more };
  const options = registryOptions.parse(given);
  return new NatsRegistry(options, { logger });
};

registryContract({
  // one that is tried again may find itself, and is no conflict then
  node: (name) => nodeAt(nats.url, name, { timeoutMs: 20_000 }),
  awayNode: () => nodeAt('nats://127.0.0.1:1', 'alone'),
  damage: async (hash, bytes) => {
    const connection = await connect({ servers: nats.url, user: 'nodes', pass: 'secret' });
    const modules = await new Objm(jetstream(connection)).open('sledge-modules');
    await modules.putBlob({ name: hash }, bytes);
    await connection.close();
  },
});

test('a module that is there is not sent again, which would take it from its readers', async () => {
  const node = await nodeAt(nats.url, 'sender');
  await node.start();
  const wasm = Buffer.alloc(300_000, 'module');
  const hash = createHash('sha256').update(wasm).digest('hex');
  const connection = await connect({ servers: nats.url, user: 'nodes', pass: 'secret' });
  const ofStore = async () => {
    const modules = await new Objm(jetstream(connection)).open('sledge-modules');
    return (await modules.info(hash))?.nuid;
  };
  await until(async () => node.putModule(hash, wasm).then(() => true));
  const first = await ofStore();
  await node.putModule(hash, wasm);
  expect(first).toBeDefined();
  expect(await ofStore()).toBe(first);
  await connection.close();
  await node.stop();
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('after a restart of its engine a watch begins again with all there is', async () => {
  const node = await nodeAt(nats.url, 'restarted');
  const seen: { count: number; epoch: string }[] = [];
  node.watch({
    onAll: (entries, epoch) => seen.push({ count: entries.length, epoch }),
    onChange: () => undefined,
    onState: () => undefined,
  });
  await node.start();
  const times = async (count: number): Promise<void> => {
    while (seen.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await times(1);
  await node.put('tenant.restart', '1', 0);
  await nats.kill();
  await nats.start();
  await times(2);
  expect(seen[1]?.count).toBe((seen[0]?.count ?? 0) + 1);
  expect(seen[1]?.epoch).toBe(seen[0]?.epoch);
  expect((await node.get('tenant.restart'))?.value).toBe('1');
  await node.stop();
});

/** A way to NATS on which answers can be held up. */
async function proxyOf(port: number) {
  let sent = '';
  const sockets = new Set<Socket>();
  const back: { isHeld: boolean; held: (() => void)[] } = { isHeld: false, held: [] };
  const server = createServer((client) => {
    const far = connectTo(port, '127.0.0.1');
    for (const one of [client, far]) sockets.add(one.on('error', () => undefined));
    client.on('data', (bytes: Buffer) => {
      sent += bytes.toString('latin1');
      far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      if (back.isHeld) back.held.push(() => void client.write(bytes));
      else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    times: (text: string) => sent.split(text).length - 1,
    hold: () => (back.isHeld = true),
    release: () => {
      back.isHeld = false;
      for (const write of back.held.splice(0)) write();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a change whose confirmation was lost is tried again, and recognised as made', async () => {
  const proxy = await proxyOf(nats.port);
  const node = await nodeAt(proxy.url, 'unlucky', { timeoutMs: 300 });
  await node.start();
  await until(async () => node.state().state === 'connected');
  const earlier = await node.put('tenant.lost', '"before"', 0);
  const puts = () => proxy.times('$KV.sledge-registry.tenant.lost');
  const before = puts();
  proxy.hold();
  const stored = node.put('tenant.lost', '"after"', earlier);
  await until(async () => puts() >= before + 2);
  proxy.release();
  const revision = await stored;
  expect(await node.get('tenant.lost')).toMatchObject({ value: '"after"', revision });
  // a node of its own, whose requests are in time
  const other = await nodeAt(nats.url, 'lucky', { timeoutMs: 20_000 });
  await other.start();
  await until(async () => other.state().state === 'connected');
  const conflict = other.put('tenant.lost', '"other"', earlier);
  await expect(conflict).rejects.toMatchObject({ code: 'SLEDGE_ERR_CLUSTER_CONFLICT' });
  await Promise.all([node.stop(), other.stop()]);
  proxy.close();
});

test('one beneath which another may have come is no conflict, and not made twice', async () => {
  const proxy = await proxyOf(nats.port);
  const node = await nodeAt(proxy.url, 'unluckier', { timeoutMs: 300 });
  const other = await nodeAt(`nats://127.0.0.1:${nats.port}`, 'luckier');
  await Promise.all([node.start(), other.start()]);
  await until(async () => [node, other].every((one) => one.state().state === 'connected'));
  const earlier = await node.put('tenant.beneath', '"before"', 0);
  const puts = () => proxy.times('$KV.sledge-registry.tenant.beneath');
  const before = puts();
  proxy.hold();
  const stored = node.put('tenant.beneath', '"after"', earlier);
  stored.catch(() => undefined);
  await until(async () => (await other.get('tenant.beneath'))?.value === '"after"');
  const ours = (await other.get('tenant.beneath'))?.revision ?? 0;
  await other.put('tenant.beneath', '"on top"', ours);
  await until(async () => puts() >= before + 2);
  proxy.release();
  await expect(stored).rejects.toMatchObject({ code: 'SLEDGE_ERR_CLUSTER_AWAY' });
  expect(await other.get('tenant.beneath')).toMatchObject({ value: '"on top"' });
  await Promise.all([node.stop(), other.stop()]);
  proxy.close();
});
