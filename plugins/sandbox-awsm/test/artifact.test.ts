import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSandbox, request, temporaryDirectory } from './support/builder';

const FUNCTIONS = join(__dirname, '../../../functions');
const directory = temporaryDirectory();
const cache = join(directory, 'cache');
const loader = join(directory, 'mappings');
const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
/** Applications take long to compile, twice: they are for the long run. */
const isApplication = (file: string): boolean =>
  existsSync(join(FUNCTIONS, file.replace('.wasm', ''), 'build.json'));
const modules = readdirSync(FUNCTIONS)
  .filter((file) => file.endsWith('.wasm'))
  .filter((file) => isLong || !isApplication(file));
/** gcc is the second choice: a third of them in the short run. */
const modulesOf: Record<string, string[]> = {
  'clang-14': modules,
  gcc: modules.filter((_file, at) => isLong || at % 3 === 0),
};
if (!isLong) {
  const { gcc = [] } = modulesOf;
  console.log(`gcc builds ${gcc.length} of ${modules.length} modules; SLEDGE_TEST_LONG=1 all`);
}

beforeAll(() => {
  const source = join(__dirname, 'support/mappings.c');
  execFileSync('gcc', ['-O1', '-o', loader, source, '-ldl']);
});

async function build(file: string, compiler: string): Promise<string> {
  const wasm = readFileSync(join(FUNCTIONS, file));
  return (await makeSandbox({ compiler }).build(request(wasm, cache))).artifactPath;
}

describe.each(Object.entries(modulesOf))('a module built by %s', (compiler, files) => {
  test.each(files)('%s takes at most two mappings, none writable and executable', async (file) => {
    const path = await build(file, compiler);
    const answer = execFileSync(loader, [path], { encoding: 'utf8' }).trim();
    const [mappings, writableText, exported] = answer.split(' ').map(Number);
    expect(mappings).toBeLessThanOrEqual(2);
    expect([writableText, exported]).toEqual([0, 1]);
  });

  test.each(files)('%s exports one symbol and imports none', async (file) => {
    const path = await build(file, compiler);
    const symbols = execFileSync('nm', ['-D', path], { encoding: 'utf8' }).trim().split('\n');
    expect(symbols.map((line) => line.split(' ').slice(-2).join(' '))).toEqual([
      expect.stringMatching(/^[DR] sledge_module$/),
    ]);
    expect(execFileSync('readelf', ['-d', path], { encoding: 'utf8' })).not.toContain('TEXTREL');
  });
});
