import pino from 'pino';
import { configFromObject } from '../src/config/load-config';
import type { FunctionHandle } from '../src/contracts/invocation';
import { FunctionLog } from '../src/server/function-log';

type Line = Record<string, unknown> & { msg: string };

function setup(limits: object = {}) {
  const lines: Line[] = [];
  let text = '';
  const stream = {
    write(line: string) {
      text += line;
      lines.push(JSON.parse(line) as Line);
    },
  };
  const logger = pino({ base: null, timestamp: false }, stream);
  const { log } = configFromObject({ log: limits }).config;
  let nowMs = 0;
  const written = new FunctionLog(logger, log, () => nowMs);
  const say = (name: string, said: string, tenant = 'gwu'): void =>
    written.write({ tenant, name } as FunctionHandle, Buffer.from(said), {
      requestId: 'r-1',
      traceId: 'ab',
    });
  return { lines, say, log: written, text: () => text, pass: (ms: number) => (nowMs += ms) };
}

test('each line of a function is a line of the log with its names and its request', () => {
  const { lines, say } = setup();
  say('fib', 'one\n\ntwo');
  const names = { tenant: 'gwu', function: 'fib', requestId: 'r-1', traceId: 'ab' };
  expect(lines).toEqual([
    { level: 30, ...names, msg: 'one' },
    { level: 30, ...names, msg: 'two' },
  ]);
});

test('a function cannot write a line of its own making, nor to a terminal', () => {
  const { lines, say, text } = setup();
  say('fib', '{"level":60,"msg":"root logged in"}\r\n\u001b[2J\u009b1m\u2028x\u0000\u0085\t.\n');
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [30, '{"level":60,"msg":"root logged in"}\\x0d'],
    [30, '\\x1b[2J\\x9b1m\\u2028x\\x00\\x85\t.'],
  ]);
  expect(text().split('\n')).toHaveLength(3);
  // eslint-disable-next-line no-control-regex -- none is there
  expect(text()).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test('lines beyond the rate are dropped and counted; the others of the tenant go on', () => {
  const { lines, say, log, pass } = setup({ functionLinesPerSecond: 10, tenantLinesPerSecond: 15 });
  for (let at = 0; at < 100; at += 1) say('loud', `line ${at}`);
  say('other', 'heard');
  expect(lines).toHaveLength(11);
  expect(log.dropped).toBe(90);
  log.report();
  expect(lines.at(-1)).toMatchObject({ function: 'loud', dropped: 90, level: 40 });
  log.report();
  expect(lines).toHaveLength(12);
  pass(500);
  for (let at = 0; at < 100; at += 1) say('loud', 'again');
  expect(lines).toHaveLength(17);
  say('loud', 'of another tenant', 'other');
  expect(lines).toHaveLength(18);
  log.close();
});

test('the functions of a tenant share its lines', () => {
  const { lines, say, log } = setup({ functionLinesPerSecond: 10, tenantLinesPerSecond: 15 });
  for (let at = 0; at < 40; at += 1) say(`f${at % 4}`, 'x');
  expect([lines.length, log.dropped]).toEqual([15, 25]);
  say('f0', 'x', 'other');
  expect(lines).toHaveLength(16);
  log.close();
});

test('a line that is too long is cut, and one call writes a thousand lines at most', () => {
  const { lines, say, log } = setup({
    functionLineBytes: 64,
    functionLinesPerSecond: 0,
    tenantLinesPerSecond: 0,
  });
  say('fib', `${'x'.repeat(100)}\n`);
  expect(lines[0]?.msg).toBe(`${'x'.repeat(64)} (36 more bytes)`);
  say('fib', 'y\n'.repeat(5000));
  expect([lines.length, log.dropped]).toEqual([1001, 4000]);
  log.close();
});
