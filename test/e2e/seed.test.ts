import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root, Server } from './server';

afterAll(() => Server.stopAll());

const run = promisify(execFile);

/** From the seed system's README, byte for byte. */
const SPEC =
  '[{"name":"GWU","port":10010,"routes":[{"route":"/fib","path":"fibonacci.wasm.so",' +
  '"expected-execution-us":6000,"relative-deadline-us":20000,' +
  '"http-resp-content-type":"text/plain"}]}]';

const sandboxes = ['awsm', 'v8'];

describe.each(sandboxes)('the fibonacci specification of the seed system on %s', (sandbox) => {
  let server: Server;
  let place: string;
  beforeAll(async () => {
    const set = ['tenants.0.port=0', `sandbox=${sandbox}`];
    server = await Server.start({ config: SPEC, fileName: 'spec.json', set });
    place = server.url.replace('http://127.0.0.1', 'localhost');
  }, 320_000);
  afterAll(() => server.stop());

  test('curl with a query gets 55 as text/plain', async () => {
    const { stdout } = await run('curl', ['-si', '--max-time', '30', `${place}/fib?10`]);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(stdout).toMatch(/\r\nContent-Type: text\/plain\r\n/);
    expect(stdout).toMatch(/\r\nServer-Timing: queue;dur=[\d.]+, run;dur=[\d.]+, total;dur=/);
    expect(stdout).toMatch(/\r\n\r\n55$/);
  });

  test('curl with a body gets 55', async () => {
    const { stdout } = await run('curl', ['-si', '--max-time', '30', '-d', '10', `${place}/fib`]);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n55$/);
  });

  test('httpie with a body from a pipe gets 55', async () => {
    const command = `echo 10 | http --ignore-netrc --body POST ${place}/fib`;
    const { stdout } = await run('sh', ['-c', command], { cwd: root });
    expect(stdout.trim()).toBe('55');
  });

  test('Ctrl+C ends it with code 0', async () => {
    expect(await server.stop('SIGINT')).toMatchObject({ code: 0 });
  });
});
