import pino from 'pino';
import type { FunctionHandle, TenantView, TransportHost } from '@sledge/core';
import plugin from '../src/index';
import { planListeners } from '../src/listeners';
import { ErpcTransport } from '../src/transport';
import { erpcOptions } from '../src/options';

function tenant(name: string, port: number, requestType?: number): TenantView {
  const fn = {
    name: 'echo',
    tenant: name,
    requestType,
    maxBodyBytes: 1,
  } as unknown as FunctionHandle;
  return { name, port, functions: [fn] };
}

const two = [tenant('one', 8001, 1), tenant('two', 8002, 1)];
const plan = (options: object, tenants = two) =>
  planListeners(erpcOptions.parse(options), tenants).map(({ tenants: names, options: made }) => ({
    names,
    port: made.port,
    host: made.host,
    clientPorts: made.tenants.map(({ clientPort }) => clientPort),
  }));

test('each tenant has a listener, on the ports from the first on', () => {
  expect(plan({ port: 31_850 })).toEqual([
    { names: ['one'], port: 31_850, host: '127.0.0.1', clientPorts: [0] },
    { names: ['two'], port: 31_851, host: '127.0.0.1', clientPorts: [0] },
  ]);
});

test('a tenant may have an address of its own', () => {
  const [, second] = plan({ tenants: { two: { host: '127.0.0.2', port: 40_000 } } });
  expect(second).toMatchObject({ port: 40_000, host: '127.0.0.2' });
});

test('clients are told apart by their port on one listener', () => {
  expect(plan({ tenantBy: 'clientPort', port: 1 })).toEqual([
    { names: ['one', 'two'], port: 1, host: '127.0.0.1', clientPorts: [8_001, 8_002] },
  ]);
});

test('a tenant without request types has no listener', () => {
  expect(plan({}, [tenant('one', 0, 1), tenant('web', 0)]).map(({ names }) => names)).toEqual([
    ['one'],
  ]);
});

test.each([
  ['nothing to call', {}, [tenant('web', 0)], 'SLEDGE_ERR_RPC_ROUTES'],
  ['a tenant that is not there', { tenants: { three: {} } }, two, 'SLEDGE_ERR_RPC_ROUTES'],
  ['no port to tell by', { tenantBy: 'clientPort' }, [tenant('a', 0, 1)], 'SLEDGE_ERR_RPC_ROUTES'],
  ['a device for two', { backend: 'dpdk' }, two, 'SLEDGE_ERR_RPC_LISTEN'],
  [
    'a device whose queues are not counted',
    { backend: 'dpdk', pollers: 'inline' },
    [tenant('a', 0, 1)],
    'SLEDGE_ERR_RPC_LISTEN',
  ],
])('%s is refused', (_title, options, tenants, code) => {
  expect(() => plan(options, tenants)).toThrow(expect.objectContaining({ code }));
});

test('a change that takes the port by which its clients are told is refused', async () => {
  let ask: (changed: TenantView) => Promise<unknown> = async () => undefined;
  const host = {
    tenants: () => two,
    serveRpc: () => ({ ports: [1], setFunctions: () => undefined, stop: () => undefined }),
    onTenantsChanged: () => () => undefined,
    onTenantChanging: (asked: typeof ask) => ((ask = asked), () => undefined),
  } as unknown as TransportHost;
  const options = erpcOptions.parse({ tenantBy: 'clientPort', port: 1 });
  await new ErpcTransport(options, host, pino({ level: 'silent' })).start();
  await expect(ask(tenant('one', 0, 1))).rejects.toMatchObject({ code: 'SLEDGE_ERR_RPC_ROUTES' });
  await ask(tenant('one', 8003, 1));
  await ask(tenant('web', 0));
});

test.each([{ requestWindow: 12 }, { pollers: 0 }, { backend: 'tcp' }, { host: 'localhost' }])(
  'refuses %j',
  (options) => {
    expect(plugin.options.safeParse(options).success).toBe(false);
  },
);
