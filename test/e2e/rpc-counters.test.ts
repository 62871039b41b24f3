import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ErpcClient } from '@sledge/client-erpc';
import { createSledge } from '@sledge/core';
import type { Sledge } from '@sledge/core';
import pino from 'pino';
import { fatalDatagrams } from './rpc-datagrams';

const LOOPBACK = '127.0.0.1';
const HEADER_BYTES = 14;
const SESSION_OFFSET = 4;
const MAGIC = 0xb0;
const LOOK_MS = 5;

const socket = createSocket('udp4');
const send = (bytes: Buffer, port: number): Promise<void> =>
  new Promise((resolve) => socket.send(bytes, port, LOOPBACK, () => resolve()));

/** A packet for a session; which one none has unless it is given. */
function packet(magic: number, session = 0xffff): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16LE(session, SESSION_OFFSET);
  bytes.writeUInt8(magic, HEADER_BYTES - 1);
  return bytes;
}

let sledge: Sledge;
let dataPort = 0;

beforeAll(async () => {
  const free = createSocket('udp4').bind(0, LOOPBACK);
  await once(free, 'listening');
  dataPort = free.address().port;
  free.close();
  const file = path.join(__dirname, '../../functions/echo.wasm');
  sledge = createSledge(
    {
      workers: { count: 1, cores: 'unpinned' },
      arena: { slots: 16 },
      transports: [['erpc', { port: 0, dataPort }]],
      tenants: [{ name: 'test', functions: [{ name: 'echo', path: file, requestType: 1 }] }],
    },
    { logger: pino({ level: 'silent' }) },
  );
  await sledge.start();
});
afterAll(async () => {
  socket.close();
  await sledge.drain();
  await sledge.stop();
});

/** The transport's counters that are not zero, without their prefix. */
function counted(): Record<string, number> {
  const prefix = 'transport-erpc.';
  const ours = Object.entries(sledge.stats()).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    ours
      .filter(([, value]) => value > 0)
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/** Until the pollers have counted so; they look at what comes when they get to it. */
async function untilCounted(wanted: Record<string, number>): Promise<void> {
  const isThere = () => Object.entries(wanted).every(([name, value]) => counted()[name] === value);
  for (let looks = 0; !isThere() && looks < 1_000; looks += 1) await delay(LOOK_MS);
  expect(counted()).toMatchObject(wanted);
}

test('what a transport drops is counted by its reason, and what it serves beside it', async () => {
  expect(counted()).toEqual({});
  const url = sledge.listeners().find(({ transport }) => transport === 'erpc')?.url;
  const port = Number(new URL(url as string).port);
  for (const bytes of Object.values(fatalDatagrams(port))) await send(bytes, port);
  const ofManagement = { dropSmMalformed: 8, dropSmState: 1, sessionsRefused: 2 };
  await untilCounted(ofManagement);

  await send(packet(MAGIC).subarray(0, HEADER_BYTES - 1), dataPort);
  await send(packet(0), dataPort);
  await send(packet(MAGIC), dataPort);
  const ofData = { dropShort: 1, dropMagic: 1, dropSession: 1 };
  await untilCounted(ofData);

  const client = ErpcClient.open();
  const target = await client.connect({ host: LOOPBACK, port });
  for (let call = 0; call < 10; call += 1) await target.call(1, Buffer.from('text'));
  await client.close();
  const served = { sessionsConnected: 1, requestsReceived: 10, responsesSent: 10 };
  await untilCounted({ ...ofManagement, ...ofData, ...served });
});
