import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { BuildFailure } from 'esbuild';
import { snapshot } from '../snapshot';
import { LANGUAGES_FOLDER, toolMissing } from './tools';

const FOLDER = path.join(LANGUAGES_FOLDER, 'javascript');
/** What QuickJS of 2021 knows. */
const TARGET = 'es2020';
const SEAL = '__sledge_seal();';

/**
 * Bundles a JavaScript or TypeScript file, evaluates it in QuickJS now, and keeps the state that
 * this leaves: a request parses nothing. The file exports `default` or `handler`.
 * @returns what the file wrote to the console while it was evaluated
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING, _SOURCE or _SNAPSHOT.
 */
export async function compileJavaScript(source: string, output: string): Promise<string> {
  const bundle = await bundled(source);
  const prelude = await readFile(path.join(FOLDER, 'prelude.js'), 'utf8');
  const engine = await readFile(path.join(FOLDER, 'engine.wasm'));
  const scripts = [
    ...['sledge:prelude', prelude],
    ...[path.basename(source), bundle],
    ...['sledge:seal', SEAL],
  ];
  const input = Buffer.from(scripts.map((text) => `${text}\0`).join(''), 'utf8');
  const { wasm, log } = await snapshot(path.basename(source), engine, input);
  await writeFile(output, wasm);
  return log;
}

async function bundled(source: string): Promise<string> {
  const { build } = await import('esbuild').catch(() => {
    throw toolMissing({ name: 'esbuild', install: 'npm install esbuild' });
  });
  try {
    const { outputFiles } = await build({
      entryPoints: [source],
      absWorkingDir: path.dirname(source),
      bundle: true,
      write: false,
      format: 'iife',
      globalName: '__sledge_function',
      target: TARGET,
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['worker', 'import'],
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
    });
    // a zero byte ends a script on its way to the engine
    return (outputFiles[0]?.text ?? '').replaceAll('\0', '\\0');
  } catch (error) {
    const problems = (error as BuildFailure).errors ?? [];
    const lines = problems.map(({ text, location }) => {
      const place =
        location === null ? '' : `${location.file}:${location.line}:${location.column}: `;
      return place + text;
    });
    const reason = lines.length > 0 ? `\n${lines.join('\n')}` : (error as Error).message;
    throw new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: source, reason }, { cause: error });
  }
}
