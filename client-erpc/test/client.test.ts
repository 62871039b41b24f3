import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ErpcClient } from '@sledge/client-erpc';

const peer = path.join(__dirname, '../../build/native/src/rpc/test/rpc_peer');
const LOOPBACK = '127.0.0.1';
/** What rpc_peer's echo answers to. */
const ECHO = 7;

describe('a client of an eRPC server', () => {
  let server: ChildProcess;
  let port = 0;
  const clients: ErpcClient[] = [];

  async function serve(): Promise<void> {
    const where = [`ipv4=${LOOPBACK}`, `sm_ipv4=${LOOPBACK}`, `sm_port=${port}`];
    const started = spawn(peer, ['role=server', 'backend=udp', ...where]);
    server = started;
    const [text] = (await once(started.stdout, 'data')) as [Buffer];
    port = Number(text.toString().split(' ')[1]);
  }

  function open(options: Parameters<typeof ErpcClient.open>[0] = {}): ErpcClient {
    const client = ErpcClient.open({ format: 'raw', ...options });
    clients.push(client);
    return client;
  }

  beforeAll(serve);
  afterAll(async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
  });

  const address = () => ({ host: LOOPBACK, port });

  test('gets the bytes that it sent, of any length, many at a time', async () => {
    const target = await open().connect(address(), { sessions: 3 });
    const messages = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * i, i));
    const answers = await Promise.all(messages.map((message) => target.call(ECHO, message)));
    answers.forEach(({ output }, i) => expect(output.equals(messages[i] as Buffer)).toBe(true));
    await target.close();
  });

  test('reads an answer only in the format that it was told', async () => {
    const target = await open({ format: 'sledge' }).connect(address());
    const call = target.call(ECHO, Buffer.from('x'));
    await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_RESPONSE' });
  });

  test('a call whose deadline passes before the answer rejects', async () => {
    const target = await open().connect(address());
    server.kill('SIGSTOP');
    const call = target.call(ECHO, Buffer.from('x'), { deadlineUs: 20_000 });
    await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_DEADLINE' });
    server.kill('SIGCONT');
    const later = await target.call(ECHO, Buffer.from('later'));
    expect(later.output.toString()).toBe('later');
  });

  test('connecting goes on until a server is there', async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    const connecting = open().connect(address(), { timeoutMs: 60_000 });
    await serve();
    const target = await connecting;
    expect((await target.call(ECHO, Buffer.from('hello'))).output.toString()).toBe('hello');
  });

  test('connecting to an rpcId that the server does not have says so', async () => {
    const said = async (timeoutMs: number): Promise<string> => {
      const connecting = open().connect({ ...address(), rpcId: 9 }, { timeoutMs });
      const code = 'SLEDGE_ERR_RPC_CONNECT';
      await expect(connecting).rejects.toMatchObject({ code });
      return connecting.then(String, ({ message }: Error) => message);
    };
    let message = await said(300);
    // a busy machine may give no answer in that time
    if (message.includes('no answer')) message = await said(20_000);
    expect(message).toContain('no such rpcId');
  });

  test('closing rejects what is awaited, and later calls', async () => {
    const client = open();
    const target = await client.connect(address());
    server.kill('SIGSTOP');
    const call = target.call(ECHO, Buffer.from('x'));
    const rejected = expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_CLOSED' });
    await client.close();
    server.kill('SIGCONT');
    await rejected;
    await expect(target.call(ECHO)).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_CLOSED' });
  });

  test.each([
    ['a request type that eRPC does not have', 255, {}],
    ['a deadline that is no time', ECHO, { deadlineUs: NaN }],
    ['arguments in a format without them', ECHO, { args: ['x'] }],
  ])('%s is refused', async (_what, type, options) => {
    const target = await open().connect(address());
    const call = target.call(type, Buffer.alloc(0), options);
    await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_CLIENT_ARGUMENT' });
  });

  test('more than the largest message is refused with its length', async () => {
    const target = await open().connect(address());
    const call = target.call(ECHO, Buffer.alloc(7_903_369));
    await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_MESSAGE' });
  });

  test('more calls than may wait reject, and the others are answered', async () => {
    const target = await open({ maxWaiting: 4 }).connect(address());
    const calls = Array.from({ length: 5_000 }, () => target.call(ECHO, Buffer.from('x')));
    const ends = await Promise.allSettled(calls);
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'SLEDGE_ERR_RPC_BACKLOG' });
    }
  });
});

test.each([
  [{ host: 'example' }, 'host'],
  [{ credits: 0 }, 'credits'],
  [{ credit: 3 }, 'credit'],
])('wrong options %j are refused by name', (options, name) => {
  expect(() => ErpcClient.open(options as object)).toThrow(
    expect.objectContaining({
      code: 'SLEDGE_ERR_CLIENT_ARGUMENT',
      message: expect.stringContaining(name) as string,
    }) as Error,
  );
});

test('a backend that is not there is an error in words', () => {
  expect(() =>
    ErpcClient.open({ backend: 'dpdk', library: '/absent.so', device: 'net_x0' }),
  ).toThrow(
    expect.objectContaining({
      code: 'SLEDGE_ERR_RPC_BACKEND',
      message: expect.stringContaining('absent.so') as string,
    }) as Error,
  );
});
