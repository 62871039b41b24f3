import { connect } from 'node:net';
import path from 'node:path';
import { NatsServer } from '../support/nats-server';
import { scrape } from './scrape';
import { configOf, root, Server } from './server';
import { until } from './versions';

/** A placement that sends what comes from clients to the first peer. */
const AWAY = path.join(__dirname, 'always-away.ts');
/** Longer than a busy machine stands still. */
const SILENCE_MS = 3_500;
const HELD = 5;
const FLOOD = 32;

let nats: NatsServer;
let near: Server;
let far: Server;

const file = (name: string) => path.join(root, 'functions', `${name}.wasm`);

/** Which node has run `where` and `either` is seen in the answer. */
const functionsOf = (node: string) => [
  { name: 'environ' },
  { name: 'echo' },
  { name: 'exit' },
  { name: 'trap_unreachable' },
  { name: 'endless_loop', limits: { wallTimeUs: 20_000_000 } },
  { name: 'forever', path: file('endless_loop'), limits: { wallTimeUs: 600_000_000 } },
  { name: 'where', path: file(node === 'far' ? 'echo' : 'trap_unreachable') },
  {
    name: 'either',
    path: file(node === 'far' ? 'fibonacci' : 'echo'),
    ...{ relativeDeadlineUs: 40_000, expectedExecutionUs: 10_000 },
  },
];

function start(node: 'near' | 'far', placement: unknown): Promise<Server> {
  const peers = { reportMs: 20, silenceMs: SILENCE_MS };
  const options = { servers: [nats.url], node, peers, reconnectWaitMs: 20 };
  const transports = [
    ['http', {}],
    ['nats', options],
  ];
  const policies = { placement, dispatcher: 'jsq', scheduler: ['fifo', { quantumUs: 1000 }] };
  const more = { transports, ...policies, arena: { slots: 64 }, workers: { count: 1 } };
  return Server.start({ config: configOf(functionsOf(node), more) });
}

beforeAll(async () => {
  nats = await NatsServer.start();
  [near, far] = await Promise.all([start('near', AWAY), start('far', 'local-first')]);
});
afterAll(async () => {
  await Server.stopAll();
  await nats.stop();
});

async function ask(server: Server, call: string, body?: Buffer) {
  const init = body === undefined ? {} : { method: 'POST', body: new Uint8Array(body) };
  const response = await fetch(`${server.url}/${call}`, init);
  const answer = Buffer.from(await response.arrayBuffer());
  const code = /"code":"(\w+)"/.exec(answer.toString('latin1'))?.[1];
  return { status: response.status, answer, code };
}

/** Until a request that comes to the near node is run by the node that is wanted. */
async function untilRunBy(node: 'near' | 'far'): Promise<void> {
  const status = node === 'far' ? 200 : 500;
  while ((await ask(near, 'where', Buffer.from('x'))).status !== status) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a function sees no difference between its node and the one that was asked', async () => {
  await untilRunBy('far');
  const { answer } = await ask(near, 'environ?a=%41&b', Buffer.from('body'));
  const environ = answer.toString();
  expect(environ).toContain('QUERY_STRING=a=%41&b\n');
  expect(environ).toContain('REQUEST_METHOD=POST\n');
  expect(environ).toContain(`SERVER_PORT=${new URL(near.url).port}\n`);
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256));
  expect((await ask(near, 'echo', body)).answer.equals(body)).toBe(true);
});

test('how it ended is told as if it had run here', async () => {
  await untilRunBy('far');
  for (const call of ['trap_unreachable', 'exit?7', 'exit?0']) {
    const [{ status, code }, own] = [await ask(near, call), await ask(far, call)];
    expect({ status, code }).toEqual({ status: own.status, code: own.code });
  }
});

test('what is too long for NATS runs here', async () => {
  await untilRunBy('far');
  const { code } = await ask(near, 'where', Buffer.alloc(1_200_000));
  expect(code).toBe('SLEDGE_ERR_INVOKE_TRAPPED');
});

test('a client that leaves ends its request at the peer, whose worker becomes free', async () => {
  await untilRunBy('far');
  const atFar = async (name: string, labels = {}) =>
    (await scrape(far.control)).value(name, { function: 'forever', ...labels });
  const inFlight = () => atFar('sledge_requests_in_flight');
  const { port } = new URL(near.url);
  const client = connect(Number(port), '127.0.0.1');
  client.write('GET /forever HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(async () => (await inFlight()) === 1);
  // a client that only says that it has no more to send waits for its answer
  client.resetAndDestroy();
  await until(async () => (await inFlight()) === 0);
  const atNear = (await scrape(near.control)).value;
  const labels = { placement: 'always-away', node: 'far' };
  expect(atNear('sledge_peer_requests_total', { ...labels, result: 'ended' })).toBeGreaterThan(0);
  expect(atNear('sledge_placement_forwarded_total', {})).toBe(
    atNear('sledge_peer_requests_sent_total', labels),
  );
  expect(await atFar('sledge_requests_total', { outcome: 'cancelled' })).toBe(1);
});

test('local-first spills over when the wait exceeds the slack, and both nodes answer', async () => {
  await untilRunBy('far');
  const body = Buffer.from('near');
  const texts = new Set<string>();
  await until(async () => {
    const calls = Array.from({ length: FLOOD }, () => ask(far, 'either?31', body));
    for (const { status, answer } of await Promise.all(calls)) {
      if (status === 200) texts.add(answer.toString().trim());
      // on a busy machine some come to a node when no time is left, or are answered too late
      else expect([502, 503]).toContain(status);
    }
    return texts.size > 1;
  });
  expect(texts).toEqual(new Set(['near', '1346269']));
});

test('a node is killed: what it has is an error each, what comes then runs here', async () => {
  await untilRunBy('far');
  const held = Array.from({ length: HELD }, () => ask(near, 'endless_loop'));
  // these come behind them, and are answered by turns
  for (let turn = 0; turn < 10; turn += 1) await untilRunBy('far');
  await far.stop('SIGKILL');
  const answers = await Promise.all(held);
  expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'SLEDGE_ERR_PEER_LOST'));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 502));
  await untilRunBy('near');
  far = await start('far', 'local-first');
  await untilRunBy('far');
});
