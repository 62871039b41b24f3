import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSledge } from '@sledge/core';
import type { Outcome, Sledge } from '@sledge/core';
import { LANGUAGES, writeFunction } from '../src/commands/new';
import { compileSource } from '../src/languages';
import { ROOT } from './support/sledge';

const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-languages-'));
const source = (name: string, text: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
};

/** Its compiler is a large download. */
const left = IS_LONG ? [] : ['rust', 'rust-no-std'];
const languages = Object.keys(LANGUAGES).filter((language) => !left.includes(language));
if (left.length > 0) console.log(`without ${left.join(' and ')}: SLEDGE_TEST_LONG=1 tests them`);

const PROBE = `
  import { twice } from './twice';
  let count = twice(20);
  export function handler(request: any): unknown {
    const [what] = request.args;
    count += 1;
    if (what === 'count') return { count };
    if (what === 'throw') throw new TypeError('no good');
    if (what === 'never') return new Promise(() => undefined);
    if (what === 'later') return Promise.resolve().then(() => 'later');
    if (what === 'deep') {
      const nest = (n: number): number => n && 1 + nest(n - 1);
      try { return nest(1e6); } catch (error) { return String(error); }
    }
    if (what === 'random') return String(Math.random());
    const init = { status: 201, headers: { 'x-a': 'b' } };
    if (what === 'body') return Response.json(request.json(), init);
    console.log('seen', { what });
    return new TextEncoder().encode('grüß');
  }`;

const EARLY = `
  #include <sledge.h>
  static int ready;
  SLEDGE_INIT { ready = 42; }
  SLEDGE_HANDLE(argc, argv) { printf("%d %s", ready, argv[argc - 1]); return 0; }`;

let server: Sledge;
const logs: string[] = [];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const made = languages.map(async (language) => {
    const place = path.join(folder, `in-${language}`);
    writeFunction(place, `in-${language}`, language);
    const { file } = await compileSource(place);
    return { name: language, path: file };
  });
  source('twice.ts', 'export const twice = (n: number): number => n * 2;\n');
  const probe = await compileSource(source('probe.ts', PROBE));
  const early = await compileSource(source('early.c', EARLY), { snapshot: true });
  const functions = [
    ...(await Promise.all(made)),
    { name: 'probe', path: probe.file },
    { name: 'early', path: early.file },
  ];
  server = createSledge(
    {
      sandbox: IS_LONG ? 'awsm' : 'v8',
      tenants: [{ name: 'me', functions }],
      log: { level: 'error' },
    },
    {
      withTransports: false,
      onFunctionLog: (_fn, text) => logs.push(Buffer.from(text).toString('utf8')),
    },
  );
  await server.start();
}, 300_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Rust's is tested where its compiler is there anyway. */
test.each(IS_LONG ? languages : ['wat'])(
  'the test that comes with the template of %s passes',
  (language) => {
    const place = path.join(folder, `own-${language}`);
    writeFunction(place, `own-${language}`, language);
    const file = path.join(place, `own-${language}.test.mjs`);
    const { status, stdout } = spawnSync(process.execPath, ['--test', file], {
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    expect({ status, said: status === 0 ? '' : stdout }).toEqual({ status: 0, said: '' });
  },
  300_000,
);

const call = (
  name: string,
  args: string[] = [],
  environ: string[] = [],
  input?: Buffer,
): Promise<Outcome> => server.invoke(name, { args, environ, input });
const text = (outcome: Outcome): string => Buffer.from(outcome.output).toString('utf8');

test.each(languages)(
  'the function that `sledge new function --lang %s` writes answers',
  async (language) => {
    expect(text(await call(language, ['world']))).toBe('Hello, world\n');
    expect(text(await call(language))).toBe('Hello, edge\n');
  },
);

test('JavaScript is evaluated when it is built, and each request finds it so', async () => {
  expect(text(await call('probe', ['count']))).toBe('{"count":41}');
  expect(text(await call('probe', ['count']))).toBe('{"count":41}');
});

test('JavaScript answers with text, bytes, later, and as CGI where that is asked for', async () => {
  expect(text(await call('probe'))).toBe('grüß');
  expect(text(await call('probe', ['later']))).toBe('later');
  const body = Buffer.from('{"a":1}');
  const answer = await call('probe', ['body'], ['SLEDGE_RESPONSE_FORMAT=cgi'], body);
  expect(text(answer)).toBe(
    'Status: 201\r\nx-a: b\r\ncontent-type: application/json\r\n\r\n{"a":1}',
  );
});

test('what fails in JavaScript ends the function, and its log says why', async () => {
  logs.length = 0;
  expect(await call('probe', ['throw'])).toMatchObject({ status: 'exited', exitCode: 1 });
  expect(await call('probe', ['never'])).toMatchObject({ status: 'exited', exitCode: 1 });
  const line = 1 + PROBE.split('\n').findIndex((text) => text.includes("'no good'"));
  expect(logs.join('')).toMatch(
    new RegExp(`TypeError: no good\n *at handler \\(probe.ts:${line}\\)\n.*waits for something`),
  );
  expect(text(await call('probe', ['deep']))).toContain('stack overflow');
});

test('random numbers differ from request to request, though the state is one', async () => {
  const [first, second] = [await call('probe', ['random']), await call('probe', ['random'])];
  expect(text(first)).not.toBe(text(second));
});

const WRONG: [string, string, RegExp][] = [
  ['a syntax error', 'export default (', /wrong\.ts:1:\d+: Unexpected end of file/],
  [
    'an exception at its start',
    'export default () => 1;\n\nthrow new Error("too early");',
    /Error: too early\n.*\(wrong\.ts:3\)/,
  ],
  [
    'a literal of BigInt, which the engine has not',
    'const a: number = 1;\n\nexport default () => 1n + BigInt(a);',
    /wrong\.ts:3:\d+: Big integer literals are not available/,
  ],
  [
    'what the engine cannot parse',
    'import "./twice";\n\nexport default () => /\\p{Script=Nobody}/u;',
    /SyntaxError: unknown unicode script\n +at wrong\.ts:3\b/,
  ],
  [
    'chance at its start',
    'Math.random(); export default () => 1;',
    /when it is built.*calls .*random_get(?!.*--snapshot)/,
  ],
];
if (IS_LONG) WRONG.push(['no handler', 'export const a = 1;', /it exports no function/]);

test.each(WRONG)('JavaScript with %s is refused with the reason', async (_title, code, words) => {
  await expect(compileSource(source('wrong.ts', code))).rejects.toThrow(words);
});

test('a source that is not known, and a folder with several, are refused', async () => {
  await expect(compileSource(source('a.pas', ''))).rejects.toThrow(
    '.pas is no source that it knows',
  );
  const two = path.join(folder, 'two');
  mkdirSync(two);
  writeFileSync(path.join(two, 'a.c'), '');
  writeFileSync(path.join(two, 'b.wat'), '');
  await expect(compileSource(two)).rejects.toThrow('it has several: a.c, b.wat');
});

test('a tool that is missing is named with the package that brings it', async () => {
  const { PATH } = process.env;
  process.env.PATH = folder;
  const wat = source('a.wat', '(module)');
  await expect(compileSource(wat).finally(() => (process.env.PATH = PATH))).rejects.toMatchObject({
    code: 'SLEDGE_ERR_BUILD_TOOL_MISSING',
    solve: 'apt install wabt',
  });
});

test('C with SLEDGE_INIT has started when its first request comes', async () => {
  expect(text(await call('early', ['x']))).toBe('42 x');
});

(IS_LONG ? test : test.skip)('the engine in the repository is what its sources make', () => {
  const script = path.join(ROOT, 'scripts', 'build-javascript-engine.mjs');
  expect(existsSync(script)).toBe(true);
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
});
