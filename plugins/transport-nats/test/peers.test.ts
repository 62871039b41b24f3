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
const LOAD = { waitUs: 0, inFlight: 0, workers: 1 };
const call = { tenant: 'acme', functionName: 'fib', request: { args: [], environ: [] } };

describe('requests that a placement sends to another node', () => {
  let nats: NatsServer;
  let link: NatsLink;
  let other: NatsConnection;
  let peers: NatsPeers;

  beforeAll(async () => {
    nats = await NatsServer.start();
    link = NatsLink.open({ servers: [nats.url] } as never, { name: 'here' });
    await link.connected(30_000);
    other = await connect({ servers: nats.url });
    const settings = { node: 'here', reportMs: 20, silenceMs: SILENCE_MS };
    peers = new NatsPeers({ ...settings, load: () => LOAD, linkOf: () => link });
    link.onConnected((connection) => peers.connect(connection));
  });
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
    expect(await forward('liar')).toMatchObject({ kind: 'lost' });
    subscription.unsubscribe();
  });

  test('who says that it leaves, and then nothing, has lost what it was sent', async () => {
    const subscription = other.subscribe('sledge.node.gone.>', { callback: () => undefined });
    say('gone', formatLoad(LOAD));
    await until(() => peers.peers().some(({ name }) => name === 'gone'));
    const reply = forward('gone');
    say('gone', LEAVING);
    await until(() => !peers.peers().some(({ name }) => name === 'gone'));
    expect(await reply).toMatchObject({ kind: 'lost', reason: expect.stringContaining('heard') });
    subscription.unsubscribe();
  });

  test('nobody at the subject: it has not been sent, and the peer is forgotten', async () => {
    expect(await forward('nobody')).toMatchObject({ kind: 'unsent' });
  });
});
