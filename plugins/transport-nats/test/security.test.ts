import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { NatsClient } from '@sledge/client-nats';
import { makeCertificate } from '../../../test/support/certificates';
import { NatsServer } from '../../../test/support/nats-server';
import { credsOf, makeOperator } from './jwt';
import { output, startNode, tenantOf, until, type Running } from './harness';

const tenants = [tenantOf('acme', 'fib'), tenantOf('other', 'fib')];
const body = Buffer.from('x');

let nats: NatsServer;
let node: Running;
const clients: NatsClient[] = [];

function file(name: string, content: string, mode = 0o600): string {
  const at = path.join(nats.folder, name);
  writeFileSync(at, content);
  chmodSync(at, mode);
  return at;
}

function open(options: object): NatsClient {
  const client = NatsClient.open({ servers: [nats.url], attempts: 1, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await node?.transport.stop();
  await nats.stop();
});

/** As in docs/guides/cluster.md. */
function tenantUser(who: string, tenant: string): string {
  return `{ ${who}, permissions: {
    publish: ["sledge.invoke.${tenant}.>", "sledge.submit.${tenant}.*",
              "sledge.cancel.${tenant}", "$JS.API.DIRECT.GET.SLEDGE_RESULTS_${tenant}.>"],
    subscribe: ["_INBOX_${tenant}.>", "sledge.result.${tenant}.*"] } }`;
}

const NODE_USER = `{ user: node, password: "node's", permissions: {
  publish: ["sledge.outcome.>", "sledge.dead.>", "$JS.API.>", "$JS.ACK.>"],
  subscribe: ["sledge.invoke.>", "sledge.cancel.*", "_INBOX.>"], allow_responses: true } }`;

test('a tenant reaches its own functions and results, and nothing of another tenant', async () => {
  const seed = nkeys.createUser();
  const other = 'user: other, password: "other\'s"';
  const users = [NODE_USER, tenantUser(`nkey: ${seed.getPublicKey()}`, 'acme')];
  users.push(tenantUser(other, 'other'));
  nats = await NatsServer.start(`authorization { users: [${users.join(', ')}] }`);
  const passwordFile = file('node.password', "node's\n");
  const credentials = { user: 'node', passwordFile };
  const durable = { storage: 'memory' };
  node = await startNode({ servers: [nats.url], credentials, durable }, tenants);
  await node.connected();
  const nkeyFile = file('acme.nk', Buffer.from(seed.getSeed()).toString());
  const acme = open({ credentials: { nkeyFile }, inboxPrefix: '_INBOX_acme' });
  expect((await acme.invoke('acme', 'fib', body)).output.toString()).toBe('did x');
  const stored = () => acme.submit('acme', 'fib', body, { id: 'mine', timeoutMs: 300 });
  await until(() =>
    stored()
      .then(() => true)
      .catch(() => false),
  );
  expect((await acme.result('acme', 'mine')).output.toString()).toBe('did x');
  const code = 'SLEDGE_ERR_NATS_PERMISSION';
  const calls = () => node.invoker.calls.filter(({ fn }) => fn.tenant === 'other');
  await expect(acme.invoke('other', 'fib', body)).rejects.toMatchObject({ code });
  await expect(acme.submit('other', 'fib', body)).rejects.toMatchObject({ code });
  expect(calls()).toHaveLength(0);
  const theirs = { user: 'other', passwordFile: file('other.password', "other's") };
  const rightful = open({ credentials: theirs, inboxPrefix: '_INBOX_other' });
  await rightful.submit('other', 'fib', body, { id: 'theirs' });
  await rightful.result('other', 'theirs');
  const peek = acme.result('other', 'theirs', { timeoutMs: 5_000 });
  await expect(peek).rejects.toMatchObject({ code });
});

test('a node that may do nothing goes on, and serves nobody', async () => {
  const none = '{ publish: { deny: ">" }, subscribe: { deny: ">" } }';
  const nobody = `{ user: nobody, password: x, permissions: ${none} }`;
  const users = [nobody, '{ user: client, password: x }'];
  nats = await NatsServer.start(`authorization { users: [${users.join(', ')}] }`);
  const passwordFile = file('password', 'x');
  const credentials = { user: 'nobody', passwordFile };
  node = await startNode({ servers: [nats.url], credentials, durable: {} }, tenants);
  await node.connected();
  await new Promise((resolve) => setTimeout(resolve, 100)); // in which it would have subscribed
  const client = open({ credentials: { user: 'client', passwordFile } });
  const call = client.invoke('acme', 'fib', body);
  await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_NO_NODE' });
  expect(node.stats()).toMatchObject({ requests: 0, connected: 1 });
  await node.transport.drain();
});

test('with an account for each tenant a node serves each in its own, by .creds files', async () => {
  const operator = makeOperator(['acme', 'other', 'system']);
  nats = await NatsServer.start(operator.config);
  const creds = (tenant: string, user: string) =>
    file(`${tenant}-${user}.creds`, credsOf(operator, tenant));
  const own = (tenant: string) => ({ credentials: { credsFile: creds(tenant, 'node') } });
  const options = { servers: [nats.url], tenants: { acme: own('acme'), other: own('other') } };
  node = await startNode(options, tenants);
  await node.connected();
  expect(node.stats()).toMatchObject({ connections: 2, connected: 2 });
  const acme = open({ credentials: { credsFile: creds('acme', 'client') } });
  await acme.invoke('acme', 'fib', body);
  const call = acme.invoke('other', 'fib', body);
  await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_NO_NODE' });
});

test('a tenant that comes again while the one before drains has its own connection', async () => {
  const users = ['acme', 'other'].map((name) => `{ user: ${name}, password: p }`).join(', ');
  nats = await NatsServer.start(`authorization { users: [${users}] }`);
  const passwordFile = file('password', 'p');
  const of = (user: string) => ({ credentials: { user, passwordFile } });
  const options = { servers: [nats.url], tenants: { acme: of('acme'), other: of('other') } };
  node = await startNode(options, tenants);
  await node.connected();
  node.invoker.answer = undefined;
  const client = open(of('acme'));
  const before = client.invoke('acme', 'fib', Buffer.from('before'), { deadlineMs: 60_000 });
  await until(() => node.invoker.calls.length === 1);
  node.change(tenants.slice(1));
  expect(node.stats()).toMatchObject({ connections: 1 });
  node.invoker.answer = ({ input }) => output(`again ${input}`);
  node.change(tenants);
  await node.connected();
  const after = await client.invoke('acme', 'fib', Buffer.from('after'));
  expect(after.output.toString()).toBe('again after');
  expect(node.stats()).toMatchObject({ connections: 2, connected: 2, in_flight: 1 });
  node.invoker.calls[0]?.end(output('at last'));
  expect((await before).output.toString()).toBe('at last');
  // what was the predecessor's ends with it, and the successor's does not
  expect((await client.invoke('acme', 'fib', body)).output.toString()).toBe('again x');
  expect(node.stats()).toMatchObject({ connections: 2, connected: 2, in_flight: 0 });
});

test('a tenant whose credentials cannot be read is refused before it is made', async () => {
  nats = await NatsServer.start();
  const passwordFile = path.join(nats.folder, 'not-yet');
  const third = { credentials: { user: 'third', passwordFile } };
  node = await startNode({ servers: [nats.url], tenants: { third } }, tenants);
  const newcomer = tenantOf('third', 'fib');
  const code = 'SLEDGE_ERR_NATS_CREDENTIALS';
  await expect(node.prepare(newcomer)).rejects.toMatchObject({ code });
  expect(node.stats()).toMatchObject({ connections: 0 });
  file('not-yet', 'p');
  const giveBack = await node.prepare(newcomer);
  expect(node.stats()).toMatchObject({ connections: 1 });
  await giveBack();
  expect(node.stats()).toMatchObject({ connections: 0 });
});

test('over TLS, with a certificate of the authority that is named and no other', async () => {
  nats = await NatsServer.start();
  await nats.stop();
  const { certFile, keyFile } = makeCertificate(path.dirname(nats.folder), `nats-${process.pid}`);
  nats = await NatsServer.start(`tls { cert_file: "${certFile}", key_file: "${keyFile}" }`);
  const servers = [nats.url.replace('nats:', 'tls:')];
  node = await startNode({ servers, tls: { caFile: certFile } }, tenants);
  await node.connected();
  await open({ servers, tls: { caFile: certFile } }).invoke('acme', 'fib', body);
  const strangers = makeCertificate(path.dirname(nats.folder), `other-${process.pid}`);
  const call = open({ servers, tls: { caFile: strangers.certFile } }).invoke('acme', 'fib', body, {
    deadlineMs: 300,
  });
  await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_CONNECT' });
});

test('a secret in a file that others may read is refused, and never said', async () => {
  nats = await NatsServer.start();
  const passwordFile = file('open.password', 'hush', 0o644);
  const start = startNode({ servers: [nats.url], credentials: { user: 'u', passwordFile } });
  await expect(start).rejects.toMatchObject({
    code: 'SLEDGE_ERR_NATS_CREDENTIALS',
    message: expect.stringContaining('0644') as string,
  });
  await expect(start).rejects.not.toMatchObject({
    message: expect.stringContaining('hush') as string,
  });
  const credsFile = file('broken.creds', 'hush');
  const broken = startNode({ servers: [nats.url], credentials: { credsFile } });
  await expect(broken).rejects.toMatchObject({
    code: 'SLEDGE_ERR_NATS_CREDENTIALS',
    message: expect.stringContaining('no .creds file') as string,
  });
});
