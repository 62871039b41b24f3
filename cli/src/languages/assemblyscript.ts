import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compileWith, packageFile } from './tools';
import type { Tool } from './tools';

const ASSEMBLYSCRIPT: Tool = {
  name: 'the AssemblyScript compiler',
  install: 'npm install assemblyscript @assemblyscript/wasi-shim',
};

/** @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE. */
export async function compileAssemblyScript(source: string, output: string): Promise<void> {
  const manifest = packageFile('assemblyscript/package.json', source, ASSEMBLYSCRIPT);
  const compiler = path.join(path.dirname(manifest), 'bin', 'asc.js');
  const flags = ['--exportStart', '_start', '-O', ...shimFlags(source)];
  // asc takes absolute paths for ones below its base folder, and that is the working folder
  const cwd = path.dirname(source);
  const paths = [path.basename(source), '-o', path.relative(cwd, output)];
  await compileWith(process.execPath, [compiler, ...paths, ...flags], source, { cwd });
}

/** What the shim's own configuration says: asc looks for its `lib` in the working folder. */
function shimFlags(source: string): string[] {
  const file = packageFile('@assemblyscript/wasi-shim/asconfig.json', source, ASSEMBLYSCRIPT);
  const { options } = JSON.parse(readFileSync(file, 'utf8')) as {
    options: { lib: string; use: string[] };
  };
  const library = path.relative(
    path.dirname(source),
    path.resolve(path.dirname(file), options.lib),
  );
  return ['--lib', library, ...options.use.flatMap((use) => ['--use', use])];
}
