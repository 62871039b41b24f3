/** `sledge start --watch`: policies in TypeScript follow their files while a server answers. */
import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PolicyStatus } from '@sledge/core';
import { askControl } from '@sledge/core/host';
import { askOn } from './ask-on';
import { Server, root } from './server';

const HANGS = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);';
const UNTIL_MS = 120_000;
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
const lib = path.join(folder, 'lib', 'choose.ts');
const file = path.join(folder, 'mine.ts');

/** A dispatcher of this name that holds what no idle worker takes; `body` runs at each arrival. */
function policy(name: string, body = ''): string {
  return `import { defineDispatcher } from '@sledge/core';
import type { RequestView } from '@sledge/core';
import { suffix } from './lib/choose';

interface Held { requests: RequestView[] }

export default defineDispatcher({
  name: '${name}-' + suffix,
  provides: ['run-queues'],
  create() {
    const held: Held = { requests: [] };
    return {
      arrive(request, workers) {
        ${body}
        const idle = workers.nextIdle(workers.rotate());
        if (idle < 0 || !workers.assign(idle, request)) held.requests.push(request);
      },
      idle(worker, workers) {
        const next = held.requests.shift();
        if (next !== undefined) workers.assign(worker, next);
      },
      removed(request) {
        held.requests = held.requests.filter((one) => one !== request);
      },
    };
  },
});
`;
}

/** `/fib`, decided on by `mine.ts`. */
function config(workers: object) {
  const functionFile = path.join(root, 'functions/fibonacci.wasm');
  return {
    workers,
    arena: { slots: 64 },
    lifecycle: { createTimeoutMs: 6000 },
    policies: { decisionLimitMs: 30_000, starvationLimitMs: 60_000 }, // on a busy machine, too
    dispatcher: './mine.ts',
    tenants: [
      { name: 'test', port: 0, functions: [{ name: 'fib', path: functionFile, route: '/fib' }] },
    ],
  };
}

let server: Server;
beforeAll(async () => {
  mkdirSync(path.dirname(lib));
  writeFileSync(lib, "export const suffix = 'a';\n");
  writeFileSync(file, policy('first'));
  const workers = { count: 2, cores: 'unpinned' };
  server = await Server.start({ config: config(workers), folder, flags: ['--watch'] });
}, 300_000);
afterAll(() => Server.stopAll());

async function status(): Promise<PolicyStatus> {
  return (await askControl(server.control)) as PolicyStatus;
}

/** Waits until `isTrue`; the limit only catches a hang. */
async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const limit = Date.now() + UNTIL_MS;
  while (!(await isTrue())) {
    if (Date.now() > limit) throw new Error(`never: ${what}\n${server.log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilServes(name: string): Promise<void> {
  await until(`${name} decides`, async () => {
    const { dispatcher, live } = await status();
    return dispatcher.name === name && live === 'driving';
  });
}

async function untilLogged(text: string): Promise<void> {
  await until(`the log says ${text}`, () => server.log.includes(text));
}

/** As some editors save: a new file takes the place of the old one. */
function saveByRename(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

test('saved policies decide, bad ones change nothing, and no request is lost', async () => {
  const asking = askOn(server.url);
  await untilServes('first-a');
  writeFileSync(file, policy('second'));
  await untilServes('second-a');
  saveByRename(policy('third'));
  await untilServes('third-a');
  writeFileSync(lib, "export const suffix = 'b';\n"); // a file that it imports
  await untilServes('third-b');

  writeFileSync(file, policy('fourth').replace('create()', 'create) {'));
  await untilLogged('SLEDGE_ERR_PLUGIN_IDENTITY');
  expect(server.log).toContain(`"at":"${file}:10"`);
  saveByRename(policy('fifth').replace('const held', "throw new Error('no'); const held"));
  await untilLogged('SLEDGE_ERR_PLUGIN_CREATE');
  expect((await status()).dispatcher.name).toBe('third-b');
  saveByRename(policy('sixth'));
  await untilServes('sixth-b');

  const { right, wrong } = await asking.stop();
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThan(0);
});

test('code that hangs or exits while it is loaded does neither to the server', async () => {
  const asking = askOn(server.url);
  writeFileSync(file, policy('hangs').replace('const held', `${HANGS} const held`));
  await untilLogged('SLEDGE_ERR_PLUGIN_TIMEOUT');
  writeFileSync(file, `process.exit(3);\n${policy('exits')}`);
  await untilLogged('its thread has ended with code 3');
  expect((await status()).dispatcher.name).toBe('sixth-b');
  writeFileSync(file, policy('seventh'));
  await untilServes('seventh-b');
  const { right, wrong } = await asking.stop();
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThan(0);
});

test('a policy that was ejected decides again when its file is saved', async () => {
  writeFileSync(file, policy('bad', "throw new Error('at every request');"));
  await untilServes('bad-b');
  const asking = askOn(server.url);
  await until('it is ejected', async () => (await status()).live === 'ejected');
  writeFileSync(file, policy('good'));
  await untilServes('good-b');
  const { wrong } = await asking.stop();
  expect(wrong).toEqual([]);
  expect((await status()).ejections).toMatchObject([{ policy: 'bad-b' }]);
});

test('a scheduler that was ejected brings back its dispatcher when it is mended', async () => {
  const scheduler = path.join(folder, 'scheduler.ts');
  const ranking = (name: string, rank: string) => `
    import { defineScheduler } from '@sledge/core';
    export default defineScheduler({ name: '${name}', create: () => ({ rank() { ${rank} } }) });
  `;
  writeFileSync(scheduler, ranking('broken', "throw new Error('at every request');"));
  await askControl(server.control, { kind: 'scheduler', choice: scheduler });
  const asking = askOn(server.url);
  await until('it is ejected', async () => (await status()).dispatcher.form === 'native');
  writeFileSync(scheduler, ranking('mended', 'return 0;'));
  await until('both decide', async () => {
    const { dispatcher, scheduler: now } = await status();
    return dispatcher.name === 'good-b' && now.name === 'mended';
  });
  expect((await asking.stop()).wrong).toEqual([]);
  await askControl(server.control, { kind: 'scheduler', choice: 'fifo' });
});

test('what has been exchanged by hand is watched instead of the file before', async () => {
  await askControl(server.control, { kind: 'dispatcher', choice: 'jsq' });
  writeFileSync(file, policy('ignored'));
  const other = path.join(folder, 'other.ts');
  writeFileSync(other, policy('other'));
  await askControl(server.control, { kind: 'dispatcher', choice: other });
  writeFileSync(other, policy('changed'));
  await untilServes('changed-b');
  expect(server.log).not.toContain('ignored-b');
});

test('every worker group that the file leads takes it anew, and no other', async () => {
  await server.stop();
  mkdirSync(path.dirname(lib), { recursive: true });
  writeFileSync(lib, "export const suffix = 'c';\n");
  writeFileSync(file, policy('one'));
  const groups = ['a', 'b', 'c'].map((name) => ({ name, count: 1, cores: 'unpinned' }));
  server = await Server.start({ config: config({ groups }), folder, flags: ['--watch'] });
  const names = async () => (await status()).groups.map(({ dispatcher }) => dispatcher.name);
  const untilNamed = (...wanted: string[]) =>
    until(wanted.join(), async () => (await names()).join() === wanted.join());
  await askControl(server.control, { kind: 'dispatcher', choice: 'rr', group: 'b' });
  writeFileSync(file, policy('two'));
  await untilNamed('two-c', 'dispatch-rr', 'two-c');
});
