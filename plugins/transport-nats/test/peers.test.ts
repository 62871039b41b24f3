import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import type { PeerReply } from '@sledge/core';
import {
  formatLoad,
  HEADERS,
  LEAVING,
  loadSubject,
  NatsLink,
  PEER_HEADERS,
} from '@sledge/nats-connection';
import { NatsServer } from '../../../test/support/nats-server';
import { NatsPeers } from '../src/peers/nats-peers';
import { until } from './harness';

const SILENCE_MS = 300;
const NS_PER_MS = 1_000_000;
/** A peer in a thread of its own, which answers when the test's thread hears nothing any more. */
const ANSWERS = `
  const { workerData: { url, shared }, parentPort } = require('node:worker_threads');
  const { connect, headers } = require('@nats-io/transport-node');
  connect({ servers: url }).then(async (connection) => {
    const callback = async (_error, message) => {
      Atomics.wait(shared, 0, 0);
      const head = headers();
      const ended = { status: 'completed', exitCode: 0, totalNs: 1 };
      head.set('Sledge-Outcome', Buffer.from(JSON.stringify(ended)).toString('base64'));
      head.set('Sledge-Queue-Us', '7');
      head.set('Sledge-Run-Us', 'many');
      message.respond('', { headers: head });
    };
    connection.subscribe('sledge.node.quick.>', { callback });
    const answered = () => {
      Atomics.store(shared, 1, 1);
      Atomics.notify(shared, 1);
    };
    connection.subscribe('_INBOX.>', { callback: answered });
    await connection.flush();
    parentPort.postMessage('subscribed');
  });
`;
const LOAD = { waitUs: 0, inFlight: 0, workers: 1 };
const call = { tenant: 'acme', functionName: 'fib', request: { args: [], environ: [] } };

describe('requests that a placement sends to another node', () => {
  let nats: NatsServer;
  let link: NatsLink;
  let other: NatsConnection;
  let peers: NatsPeers;
  const running = () => Math.round(performance.now() * NS_PER_MS);
  let processNs = running;
  /** For this test, however long it takes. @returns what moves it. */
  const stopClock = () => {
    const beginsNs = running();
    processNs = () => beginsNs;
    return (ms: number) => (processNs = () => beginsNs + ms * NS_PER_MS);
  };

  beforeAll(async () => {
    nats = await NatsServer.start();
    link = NatsLink.open({ servers: [nats.url] } as never, { name: 'here' });
    await link.connected(30_000);
    other = await connect({ servers: nats.url });
    const settings = {
      node: 'here',
      reportMs: 20,
      silenceMs: SILENCE_MS,
      nowNs: () => processNs(),
    };
    peers = new NatsPeers({ ...settings, load: () => LOAD, linkOf: () => link });
    link.onConnected((connection) => peers.connect(connection));
  });
  afterEach(() => (processNs = running));
  afterAll(async () => {
    peers.close();
    await other.close();
    await link.close();
    await nats.stop();
  });

  const forward = (peer: string): Promise<PeerReply> =>
    new Promise((resolve) => peers.forward(peer, call, resolve));
  const say = (peer: string, text: string) => other.publish(loadSubject(peer), text);

  test.each([
    ['an error that is none but a name that objects inherit', HEADERS.error, 'toString'],
    [
      'an outcome with such a name',
      PEER_HEADERS.outcome,
      Buffer.from(
        JSON.stringify({ status: 'failed', exitCode: 0, totalNs: 1, code: 'constructor' }),
      ).toString('base64'),
    ],
  ])('%s loses the request and not the process', async (_, header, value) => {
    const head = headers();
    head.set(header, value);
    const subscription = other.subscribe('sledge.node.liar.>', {
      callback: (_error, message) => void message.respond('', { headers: head }),
    });
    await other.flush();
    stopClock(); // no silence is why
    const reason = 'its answer is none of a node';
    expect(await forward('liar')).toEqual({ kind: 'lost', reason });
    subscription.unsubscribe();
  });

  test('what came while this thread was busy counts, and its times are numbers', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const server = new Worker(ANSWERS, { eval: true, workerData: { url: nats.url, shared } });
    await once(server, 'message');
    const move = stopClock();
    const reply = forward('quick');
    await link.connection?.flush();
    Atomics.store(shared, 0, 1);
    Atomics.notify(shared, 0);
    Atomics.wait(shared, 1, 0); // until the answer has been delivered
    Atomics.wait(shared, 1, 1, 100); // to whom does not listen last
    move(2 * SILENCE_MS);
    const outcome = { status: 'completed', times: { queueNs: 7_000, runNs: 0, totalNs: 1 } };
    expect(await reply).toMatchObject({ kind: 'outcome', outcome });
    await server.terminate();
  });

  test('who says that it leaves, and then nothing, has lost what it was sent', async () => {
    const subscription = other.subscribe('sledge.node.gone.>', { callback: () => undefined });
    const move = stopClock();
    say('gone', formatLoad(LOAD));
    await until(() => peers.peers().some(({ name }) => name === 'gone'));
    const reply = forward('gone');
    say('gone', LEAVING);
    await until(() => !peers.peers().some(({ name }) => name === 'gone'));
    move(2 * SILENCE_MS);
    expect(await reply).toMatchObject({ kind: 'lost', reason: expect.stringContaining('heard') });
    subscription.unsubscribe();
  });

  test('nobody at the subject: it has not been sent, and the peer is forgotten', async () => {
    stopClock();
    expect(await forward('nobody')).toMatchObject({ kind: 'unsent' });
  });
});
