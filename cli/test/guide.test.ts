import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT, serve, sledge } from './support/sledge';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-guide-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The code blocks of a page that are marked with a file name. */
function writeBlocksOf(page: string): string[] {
  const text = readFileSync(path.join(ROOT, 'docs', 'guides', page), 'utf8');
  const blocks = text.matchAll(/<!-- test: (\S+) -->\s+```\w+\n([\s\S]*?)```/g);
  return [...blocks].map(([, name = '', code = '']) => {
    writeFileSync(path.join(folder, name), code);
    return name;
  });
}

function ask(url: string, line: string): Promise<string> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${line}\n`));
    socket.setEncoding('utf8').once('data', (text) => {
      socket.destroy();
      resolve(String(text));
    });
    socket.once('error', reject);
  });
}

test('the plugins of the guide work as it says, in a folder outside the workspace', async () => {
  const names = writeBlocksOf('write-a-plugin.md');
  expect(names).toEqual(['line-transport.ts', 'sledge.config.ts', 'class-plugin.ts']);
  const fibonacci = path.join(ROOT, 'functions', 'fibonacci.wasm');
  copyFileSync(fibonacci, path.join(folder, 'fibonacci.wasm'));
  const server = await serve(folder, []);
  expect(server.ready.listeners[0]?.transport).toBe('line');
  expect(await ask(server.url, 'fib 10')).toContain('55');
  expect(await ask(server.url, 'fob 10')).toBe('no function fob\n');
  expect(await server.end('SIGTERM')).toBe(0);
});

test('the class of the guide is a plugin', () => {
  writeBlocksOf('write-a-plugin.md');
  const args = ['check', '--json', '--set', 'transports=["./class-plugin.ts"]'];
  const { status, stdout } = sledge(folder, args);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    config: { transports: [['silent-transport', { greeting: 'listening to nobody' }]] },
  });
});

test('the policy of the guide decides in virtual time and live, and is the example', async () => {
  const names = writeBlocksOf('write-a-policy.md');
  expect(names).toEqual(['least-laxity-first.ts', 'sledge.config.ts', 'lab.config.ts']);
  const example = 'examples/policies/least-laxity-first/least-laxity-first.ts';
  const text = (file: string) => readFileSync(file, 'utf8');
  expect(text(path.join(folder, names[0] as string))).toBe(text(path.join(ROOT, example)));
  copyFileSync(path.join(ROOT, 'functions/fibonacci.wasm'), path.join(folder, 'fibonacci.wasm'));

  const options = JSON.stringify({ dispatcher: { interrupts: true } });
  const policies = ['--dispatcher', 'jsq', '--scheduler', './least-laxity-first.ts'];
  const choice = [...policies, '--options', options];
  const load = ['--workload', 'high-bimodal', '--load', '0.7', '--requests', '20000'];
  const run = sledge(folder, ['simulate', ...load, ...choice, '--json']);
  expect(run.status).toBe(0);
  expect((JSON.parse(run.stdout) as { preemptions: number }).preemptions).toBeGreaterThan(0);

  for (const wrong of ['[1]', '{', '{"kitchen":{}}']) {
    const refused = sledge(folder, ['simulate', ...load, ...policies, '--options', wrong]);
    expect(refused.stderr).toContain('SLEDGE_ERR_CLI_USAGE');
  }

  const server = await serve(folder, []);
  expect(await (await fetch(`${server.url}/fib?10`)).text()).toBe('55');
  expect(await server.end('SIGTERM')).toBe(0);
});
