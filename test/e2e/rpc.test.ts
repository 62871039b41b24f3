import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { ErpcClient, type ErpcCallError } from '@sledge/client-erpc';
import { request } from 'undici';
import { fatalDatagrams } from './rpc-datagrams';
import { configOf, type FunctionOptions, root, Server } from './server';

const LOOPBACK = '127.0.0.1';
const clients: ErpcClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
afterAll(() => Server.stopAll());

function open(options: Parameters<typeof ErpcClient.open>[0] = {}): ErpcClient {
  const client = ErpcClient.open(options);
  clients.push(client);
  return client;
}

/** Ports of the eRPC listeners, in the order of transports and tenants. */
function rpcPorts(server: Server): number[] {
  return server.urls
    .filter((url) => url.startsWith('erpc:'))
    .map((url) => Number(new URL(url).port));
}

const address = (port: number | undefined) => ({ host: LOOPBACK, port: port as number });

test('workers in JavaScript do not poll', async () => {
  const config = configOf([{ name: 'echo', requestType: 1 }], {
    sandbox: 'v8',
    transports: [['erpc', { port: 0, pollers: 'inline' }]],
  });
  await expect(Server.start({ config })).rejects.toThrow('pollers must be a number');
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'completed',
    (error: unknown) => (error as ErpcCallError).code,
  );
}

function functionsOf(list: FunctionOptions[]) {
  return list.map((fn) => ({ path: `${root}/functions/${fn.name}.wasm`, ...fn }));
}

const TWO = { count: 2, cores: 'unpinned' };

/** Two tenants, whose types are not the same. */
function twoTenants(transports: unknown[]): Record<string, unknown> {
  return {
    transports,
    tenants: [
      {
        name: 'one',
        port: 0,
        functions: functionsOf([
          { name: 'fibonacci', route: '/fibonacci', requestType: 1 },
          { name: 'echo', route: '/echo', requestType: 2 },
        ]),
      },
      {
        name: 'two',
        port: 0,
        functions: functionsOf([{ name: 'echo', route: '/echo', requestType: 1 }]),
      },
    ],
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, LOOPBACK);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

test.each([
  ['threads', 2],
  ['workers', 'inline'],
])(
  'HTTP and eRPC serve the same functions at the same time, polled by %s',
  async (_by, pollers) => {
    const transports = [
      ['http', {}],
      ['erpc', { port: 0, pollers }],
    ];
    const server = await Server.start({ config: { ...twoTenants(transports), workers: TWO } });
    const [one, two] = rpcPorts(server);
    const [httpOne, httpTwo] = server.urls;
    const client = open();
    const targets = await Promise.all([
      client.connect(address(one), { sessions: 3 }),
      client.connect({ ...address(one), rpcId: 1 }),
      client.connect(address(two), { sessions: 2 }),
    ]);
    const [a, b, c] = targets;
    const httpText = async (url: string, body: string): Promise<string> => {
      const answer = await request(url, { method: 'POST', body });
      return answer.body.text();
    };
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const long = `<${i}>`.repeat(1 + ((i * 37) % 3_000));
        const [fib, echoed, other, viaHttp, viaHttpTwo] = await Promise.all([
          a.call(1, undefined, { args: ['10'] }),
          b.call(2, Buffer.from(long)),
          c.call(1, Buffer.from(long)),
          httpText(`${httpOne}/fibonacci`, '10'),
          httpText(`${httpTwo}/echo`, long),
        ]);
        expect([fib.output.toString(), viaHttp]).toEqual(['55', '55']);
        expect(echoed.output.toString()).toBe(long);
        expect(other.output.toString()).toBe(long);
        expect(viaHttpTwo).toBe(long);
        expect(fib.times.totalNs).toBeGreaterThanOrEqual(fib.times.runNs);
      }),
    );
    expect(await codeOf(c.call(2))).toBe('SLEDGE_ERR_RPC_NO_FUNCTION');
    await Promise.all(targets.map((target) => target.close()));
    expect(await server.stop()).toMatchObject({ code: 0 });
  },
);

test('each way to end has its status, as over HTTP', async () => {
  const functions = functionsOf([
    { name: 'echo', requestType: 1, limits: { bodyBytes: 1_000 } },
    { name: 'endless_loop', requestType: 2, limits: { wallTimeUs: 20_000 } },
    { name: 'exit', requestType: 3 },
    { name: 'trap_unreachable', requestType: 4 },
    { name: 'huge_output', requestType: 5, limits: { outputBytes: 10_000 } },
  ]);
  const late = {
    name: 'endless_loop',
    requestType: 6,
    onLate: 'abort',
    relativeDeadlineUs: 20_000,
  };
  const busy = { name: 'endless_loop', requestType: 7, limits: { concurrency: 1 } };
  const more = functionsOf([late, busy]).map((fn, at) => ({ ...fn, name: `loop${at}` }));
  const server = await Server.start({
    config: {
      transports: [['erpc', { port: 0 }]],
      tenants: [{ name: 'test', functions: [...functions, ...more] }],
    },
  });
  const [port] = rpcPorts(server);
  const target = await open().connect(address(port));
  const codes = await Promise.all([
    codeOf(target.call(1, Buffer.alloc(1_001))),
    codeOf(target.call(2)),
    codeOf(target.call(3, undefined, { args: ['7'] })),
    codeOf(target.call(4)),
    codeOf(target.call(5)),
    codeOf(target.call(6)),
    codeOf(target.call(200)),
  ]);
  expect(codes).toEqual([
    'SLEDGE_ERR_RPC_MESSAGE',
    'SLEDGE_ERR_INVOKE_TIME_LIMIT',
    'SLEDGE_ERR_INVOKE_EXITED',
    'SLEDGE_ERR_INVOKE_TRAPPED',
    'SLEDGE_ERR_INVOKE_OUTPUT_LIMIT',
    'SLEDGE_ERR_INVOKE_DEADLINE',
    'SLEDGE_ERR_RPC_NO_FUNCTION',
  ]);
  const exited = target.call(3, undefined, { args: ['9'] });
  await expect(exited).rejects.toMatchObject({ answer: { detail: 9 } });
  const { slackNs } = await target.call(1, Buffer.from('x'), { deadlineUs: 60_000_000 });
  expect(slackNs).toBeLessThan(60e9);
  expect((await target.call(1, Buffer.from('x'))).slackNs).toBe(Infinity);
  const twice = await Promise.all([codeOf(target.call(7)), codeOf(target.call(7))]);
  expect(twice).toContain('SLEDGE_ERR_INVOKE_CONCURRENCY');
  const raw = await open({ format: 'raw' }).connect(address(port));
  const refused = (await raw.call(1, Buffer.from('no header'))).output;
  expect(refused.subarray(48).toString()).toBe('SLEDGE_ERR_RPC_BAD_REQUEST');
  await server.stop();
});

test('what ends an upstream process leaves this one serving', async () => {
  const config = configOf([{ name: 'echo', requestType: 1 }], {
    transports: [['erpc', { port: 0 }]],
  });
  const server = await Server.start({ config });
  const [port] = rpcPorts(server);
  const target = await open().connect(address(port));
  const socket = createSocket('udp4');
  for (const [what, bytes] of Object.entries(fatalDatagrams(port as number))) {
    await new Promise((resolve) => socket.send(bytes, port, LOOPBACK, resolve));
    expect([what, (await target.call(1, Buffer.from(what))).output.toString()]).toEqual([
      what,
      what,
    ]);
  }
  expect(await codeOf(target.call(254))).toBe('SLEDGE_ERR_RPC_NO_FUNCTION');
  socket.close();
  const fresh = await open().connect(address(port));
  expect((await fresh.call(1, Buffer.from('still here'))).output.toString()).toBe('still here');
  expect(server.process.exitCode).toBeNull();
  await server.stop();
});

test('SIGINT: what is in flight is answered, the rest refused, the process ends', async () => {
  const slow = { name: 'endless_loop', requestType: 1, limits: { wallTimeUs: 4_500_000 } };
  const config = configOf([slow, { name: 'echo', requestType: 2 }], {
    workers: { count: 2 },
    transports: [
      ['http', {}],
      ['erpc', { port: 0 }],
    ],
  });
  const server = await Server.start({ config });
  const target = await open().connect(address(rpcPorts(server)[0]));
  const inFlight = codeOf(target.call(1));
  await target.call(2, Buffer.from('x'));
  server.process.kill('SIGINT');
  while (!server.log.includes('draining')) await new Promise((next) => setTimeout(next, 5));
  expect(await codeOf(target.call(2))).toBe('SLEDGE_ERR_INVOKE_DRAINING');
  expect(await inFlight).toBe('SLEDGE_ERR_INVOKE_TIME_LIMIT');
  expect(await server.exited).toEqual({ code: 0, signal: null });
  await server.stop();
});

test("clients are told apart by their port, and answered in the transport's format", async () => {
  const clientPorts = [await freePort(), await freePort()];
  const config = twoTenants([
    ['erpc', { port: 0, tenantBy: 'clientPort', responseFormat: 'sledgescale' }],
  ]);
  const tenants = config['tenants'] as Record<string, unknown>[];
  tenants.forEach((tenant, at) => (tenant['port'] = clientPorts[at]));
  const server = await Server.start({ config });
  const [port] = rpcPorts(server);
  const said = await Promise.all(
    clientPorts.map(async (own) => {
      const target = await open({ port: own, format: 'raw' }).connect(address(port));
      return (await target.call(2, Buffer.from('10'))).output.toString();
    }),
  );
  expect(said).toEqual([expect.stringMatching(/^0 \d+$/), '1 Did not match any routes']);
  await server.stop();
});

test.each([
  ['a port that is taken', { port: -1 }, {}, 'SLEDGE_ERR_RPC_LISTEN'],
  ['a type that eRPC does not have', {}, { requestType: 255 }, 'SLEDGE_ERR_RPC_ROUTES'],
  ['no type at all', {}, { requestType: undefined }, 'SLEDGE_ERR_RPC_ROUTES'],
  ['a tenant that is not there', { tenants: { nobody: {} } }, {}, 'SLEDGE_ERR_RPC_ROUTES'],
  ['a poller of another kind', { pollers: 'mine' }, {}, 'transports[0].pollers'],
])('%s is refused when the server starts', async (_what, options, fn, message) => {
  const taken = createSocket('udp4').bind(0, LOOPBACK);
  await once(taken, 'listening');
  const port = 'port' in options ? taken.address().port : 0;
  const config = configOf([{ name: 'echo', requestType: 1, ...fn }], {
    transports: [['erpc', { ...options, port }]],
  });
  await expect(Server.start({ config })).rejects.toThrow(message);
  taken.close();
});
