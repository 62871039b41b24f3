import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

// Real Node, real require hooks: jest would compile and resolve everything itself.
const CORE = path.join(__dirname, '..', 'dist');
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-outside-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function node(script: string, ...args: string[]): unknown {
  const file = write('main.cjs', script);
  return JSON.parse(execFileSync(process.execPath, [file, CORE, ...args], { encoding: 'utf8' }));
}

const LOAD = `
const { createRequire } = require('node:module');
const core = process.argv[2];
const { loadUserModule } = createRequire(core + '/index.js')(core + '/host.js');
const show = (value) => process.stdout.write(JSON.stringify(value));
`;

test('a decorated TypeScript plugin outside the workspace loads and gets its options', () => {
  write('helper.ts', 'export enum Mode { Loud = 7 }\n');
  write(
    'plugins/own.ts',
    `import { inject, injectable, tokens, z } from '@sledge/core';
import type { PluginContext } from '@sledge/core';
import { Mode } from '../helper';

interface Options { greeting: string }

@injectable()
export default class Own {
  static readonly plugin = {
    name: 'own-observer', kind: 'observer' as const, apiVersion: 1,
    options: z.object({ greeting: z.string().default('hello') }),
  };
  constructor(
    @inject(tokens.Options) private readonly options: Options,
    @inject(tokens.Context) readonly context: PluginContext,
  ) {}
  start(): void {
    process.stdout.write(JSON.stringify([this.options.greeting, Mode.Loud]));
  }
}
`,
  );
  const said = node(
    `${LOAD}
const { loadPlugins, PluginHost, createLogger } = require(core + '/host.js');
const ms = 1000;
const limits = { createTimeoutMs: ms, startTimeoutMs: ms, drainTimeoutMs: ms, stopTimeoutMs: ms };
const logger = createLogger({ level: 'silent', pretty: false });
const host = new PluginHost({ limits, logger, seed: 1 });
const reference = { place: 'p', kind: 'observer', source: './plugins/own.ts', options: undefined };
host.create(loadPlugins([reference], __dirname)).then(() => host.start());
`,
  );
  expect(said).toEqual(['hello', 7]);
});

test.each([
  ['a.ts', "import * as core from '@sledge/core';\nexport default core;"],
  ['b.js', "import * as core from '@sledge/core';\nexport default core;"],
  ['c.cjs', "module.exports = { default: require('@sledge/core') };"],
  ['d/e.ts', "import { core } from './f';\nexport default core;"],
])("'@sledge/core' is the host's copy in %s", (name, text) => {
  write('d/f.ts', "import * as core from '@sledge/core';\nexport { core };");
  write('node_modules/@sledge/core/index.js', "module.exports = 'another copy';");
  const file = write(name, text);
  const script = `${LOAD}
const own = require(core + '/index.js');
show(loadUserModule(process.argv[3]).SledgeError === own.SledgeError);`;
  expect(node(script, file)).toBe(true);
});

test('TypeScript in a package of type module loads as well', () => {
  write('esm/package.json', '{"type": "module"}');
  const file = write('esm/config.ts', 'const seed: number = 3;\nexport default { seed };');
  const js = write('esm/config.js', 'export default { seed: 4 };');
  const script = `${LOAD}show([loadUserModule(process.argv[3]), loadUserModule(process.argv[4])]);`;
  expect(node(script, file, js)).toEqual([{ seed: 3 }, { seed: 4 }]);
});

test('modules in node_modules are left to Node', () => {
  write('node_modules/typed/index.js', 'module.exports = "plain";');
  const file = write('uses.ts', "import typed from 'typed';\nexport default typed;");
  expect(node(`${LOAD}show(loadUserModule(process.argv[3]));`, file)).toBe('plain');
});

test("a built-in plugin can be imported from outside; Node's own message stays for others", () => {
  const file = write(
    'imports.ts',
    "import http from '@sledge/transport-http';\nexport default http;",
  );
  expect(node(`${LOAD}show(loadUserModule(process.argv[3]).name);`, file)).toBe('transport-http');
  const missing = write('missing.ts', "import x from '@sledge/missing';\nexport default x;");
  const script = `${LOAD}
try { loadUserModule(process.argv[3]); } catch (error) { show(error.message); }`;
  expect(node(script, missing)).toContain("Cannot find module '@sledge/missing'");
});

test('a forgotten file is read anew with what it imports, and says which files those are', () => {
  write('live/lib/word.ts', "export const word = 'old';\n");
  const file = write('live/entry.ts', "import { word } from './lib/word';\nexport default word;");
  const script = `${LOAD}
const { forgetUserModule, userModuleFiles } = createRequire(core + '/index.js')(
  core + '/plugins/load-user-module.js',
);
const [, , , file, lib] = process.argv;
const words = [loadUserModule(file)];
require('node:fs').writeFileSync(lib, "export const word = 'new';");
words.push(loadUserModule(file));
forgetUserModule(file);
words.push(loadUserModule(file));
show([words, userModuleFiles(file)]);`;
  const lib = path.join(folder, 'live/lib/word.ts');
  expect(node(script, file, lib)).toEqual([
    ['old', 'old', 'new'],
    [file, lib],
  ]);
});

test('what cannot be compiled is refused in one line with file and line', () => {
  const file = write('wrong.ts', 'const a = 1;\nexport default {\n  b: = 2,\n};\n');
  const script = `${LOAD}
try { loadUserModule(process.argv[3]); } catch (error) { show([error.name, error.message]); }`;
  expect(node(script, file)).toEqual(['SyntaxError', `${file}:3: Expression expected`]);
});
