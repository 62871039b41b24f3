import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig, SledgeError } from '../src';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-spec-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(path.join(folder, 'fibonacci.wasm'), '');

const FIBONACCI =
  '[{"name":"GWU","port":10010,"routes":[{"route":"/fib","path":"fibonacci.wasm.so",' +
  '"expected-execution-us":6000,"relative-deadline-us":20000,' +
  '"http-resp-content-type":"text/plain"}]}]';

function load(text: string, env: NodeJS.ProcessEnv = {}) {
  const file = path.join(folder, 'spec.json');
  writeFileSync(file, text);
  return loadConfig({ file, cwd: folder, env });
}

async function failureOf(promise: Promise<unknown>): Promise<SledgeError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SledgeError);
  return thrown as SledgeError;
}

test("the seed README's fibonacci spec is taken as it is", async () => {
  const { config, warnings, isSpec } = await load(FIBONACCI);
  expect(isSpec).toBe(true);
  expect(warnings).toEqual([]);
  expect(config.tenants).toMatchObject([
    {
      name: 'GWU',
      port: 10010,
      functions: [
        {
          name: 'fibonacci',
          path: path.join(folder, 'fibonacci.wasm'),
          route: '/fib',
          expectedExecutionUs: 6000,
          relativeDeadlineUs: 20000,
          responseContentType: 'text/plain',
        },
      ],
    },
  ]);
});

test('every key of SLEdge and SLEdgeScale is mapped, or accepted with a warning', async () => {
  const route = {
    route: 'label',
    path: 'fibonacci.wasm.so',
    'request-type': 3,
    'n-resas': 2,
    'group-id': 1,
    'admissions-percentile': 70,
    'relative-deadline-us': 50,
    'stack-size': 4096,
    path_preprocess: 'x.wasm.so',
    'model-bias': 1,
    'model-scale': 1,
    'model-num-of-param': 1,
    'model-beta1': 1,
    'model-beta2': 1,
  };
  const tenant = { name: 'a', port: 1, 'replenishment-period-us': 5, 'max-budget-us': 5 };
  const routes = [route, { route: '/two', path: 'fibonacci.wasm.so' }];
  const { config, warnings } = await load(JSON.stringify([{ ...tenant, routes }]));
  expect(config.tenants[0]?.functions).toMatchObject([
    {
      name: 'fibonacci',
      route: '/label',
      requestType: 3,
      group: 1,
      relativeDeadlineUs: 50,
      limits: { stackBytes: 65_536 },
    },
    { name: 'fibonacci-2', route: '/two' },
  ]);
  expect(config.tenants[0]?.budget).toEqual({ timeUs: 1000, periodUs: 1000 });
  expect(config.estimator).toEqual(['percentile', { percentile: 70 }]);
  expect(warnings).toHaveLength(7);
  expect(warnings.join('\n')).toContain('[0].routes[0].n-resas has no effect');
});

test('a wrong spec is refused in its own words, with places', async () => {
  const text = FIBONACCI.replace('10010', '100100').replace('expected-exec', 'expected-exce');
  const error = await failureOf(load(text));
  expect(error.code).toBe('SLEDGE_ERR_CONFIG_INVALID');
  expect(error.message).toContain('[0].port (1:23): expected at most 65535, got 100100');
  expect(error.message).toContain('unknown key; did you mean expected-execution-us?');
});

test('problems behind the conversion are told in the words of the spec too', async () => {
  const error = await failureOf(load(FIBONACCI.replace('fibonacci.wasm', 'fibonaci.wasm')));
  expect(error.message).toContain('[0].routes[0].path (1:');
  expect(error.message).toContain('did you mean fibonacci.wasm?');
});

test("SLEdge's environment is read for a spec", async () => {
  const { config, warnings } = await load(FIBONACCI, {
    SLEDGE_SCHEDULER: 'FIFO',
    SLEDGE_DISPATCHER: 'TO_GLOBAL_QUEUE',
    SLEDGE_NWORKERS: '1',
    SLEDGE_FIRST_WORKER_COREID: '0',
    SLEDGE_DISABLE_BUSY_LOOP: 'true',
    SLEDGE_DISABLE_PREEMPTION: 'true',
    SLEDGE_SANDBOX_PERF_LOG: 'perf.log',
  });
  expect(config).toMatchObject({
    scheduler: 'fifo',
    dispatcher: 'global-queue',
    workers: { count: 1, cores: [0], idle: 'block' },
    perfLog: { path: path.resolve('perf.log'), columns: 'sledgescale', format: 'csv' },
  });
  expect(warnings).toHaveLength(1);
});

test('a quantum and a batch size become options of the policies that have them', async () => {
  const env = { SLEDGE_QUANTUM_US: '5000', SLEDGE_FIFO_QUEUE_BATCH_SIZE: '4' };
  const { config } = await load(FIBONACCI, env);
  expect(config.scheduler).toEqual(['fifo', { quantumUs: 5000 }]);
  expect(config.dispatcher).toEqual(['global-queue', { batch: 4 }]);
  const edf = { ...env, SLEDGE_SCHEDULER: 'EDF', SLEDGE_DISPATCHER: 'RR' };
  const { warnings } = await load(FIBONACCI, edf);
  expect(warnings).toHaveLength(2);
});

test("SLEdgeScale's reservations become those of darc, whose order is its own", async () => {
  const route = (group: number, reserved: number) => ({
    route: `/${group}`,
    path: 'fibonacci.wasm.so',
    'request-type': group,
    'group-id': group,
    'n-resas': reserved,
  });
  const spec = [{ name: 'a', port: 1, routes: [route(1, 2), route(2, 1)] }];
  const env = { SLEDGE_SCHEDULER: 'EDF', SLEDGE_DISPATCHER: 'DARC' };
  const { config, warnings } = await load(JSON.stringify(spec), env);
  expect(config.dispatcher).toEqual(['darc', { reservation: 'by-hand', reserved: [0, 2, 1] }]);
  expect(config.scheduler).toBe('fifo');
  expect(warnings).toEqual(['SLEDGE_SCHEDULER has no effect: DARC decides the order.']);
});

test('a wrong value in it is a problem with the nearest name', async () => {
  const env = { SLEDGE_SCHEDULER: 'FIFFO', SLEDGE_NWORKERS: '0' };
  const error = await failureOf(load(FIBONACCI, env));
  expect(error.message).toContain('SLEDGE_SCHEDULER: expected one of FIFO');
  expect(error.message).toContain('did you mean FIFO?');
  expect(error.message).toContain('SLEDGE_NWORKERS: expected an integer from 1 to 256, got "0"');
});

test('values of --set and SLEDGE_CFG_ win over it', async () => {
  const env = { SLEDGE_SCHEDULER: 'EDF', SLEDGE_CFG_SCHEDULER: 'fifo' };
  expect((await load(FIBONACCI, env)).config.scheduler).toBe('fifo');
});
