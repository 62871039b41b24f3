import { readFile, writeFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { BuildFailure } from 'esbuild';
import { snapshot } from '../snapshot';
import { linesOf, placeOf, type BundleLines } from './bundle-lines';
import { LANGUAGES_FOLDER, toolMissing } from './tools';

const FOLDER = path.join(LANGUAGES_FOLDER, 'javascript');
/** What QuickJS of 2021 knows. */
const TARGET = 'es2020';
const SUPPORTED = { bigint: false };
/** It would be replaced by a call that fails in a request. */
const SEVERITIES = { bigint: 'error' } as const;
const SEAL = '__sledge_seal();';

/**
 * Bundles a JavaScript or TypeScript file, evaluates it in QuickJS now, and keeps the state that
 * this leaves: a request parses nothing. The file exports `default` or `handler`.
 * @returns what the file wrote to the console while it was evaluated
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE.
 */
export async function compileJavaScript(source: string, output: string): Promise<string> {
  const { text: bundle, lines } = await bundled(source);
  const name = path.basename(source);
  const prelude = await readFile(path.join(FOLDER, 'prelude.js'), 'utf8');
  const engine = await readFile(path.join(FOLDER, 'engine.wasm'));
  const scripts = [
    ...['sledge:prelude', prelude],
    ...['sledge:lines', `__sledge_lines(${JSON.stringify({ name, ...lines })});`],
    ...[name, bundle],
    ...['sledge:seal', SEAL],
  ];
  const input = Buffer.from(scripts.map((text) => `${text}\0`).join(''), 'utf8');
  try {
    const { wasm, log } = await snapshot(name, engine, input);
    await writeFile(output, wasm);
    return log;
  } catch (error) {
    throw sourceProblem(error, source, lines) ?? error;
  }
}

/**
 * What the file throws while it is evaluated, at its own lines instead of the bundle's. Of what
 * the engine cannot parse it says `at file:line`, without the parentheses of a call.
 */
function sourceProblem(
  error: unknown,
  source: string,
  lines: BundleLines,
): SledgeError | undefined {
  if (!(error instanceof SledgeError)) return undefined;
  const said = String(error.details['reason']);
  const thrown = /^it exits with code \d+:\n([^]*)$/.exec(said)?.[1];
  if (thrown === undefined) {
    const reason = `JavaScript is run when it is built, and ${said}. Let the handler do that.`;
    return new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: source, reason }, { cause: error });
  }
  const name = path.basename(source);
  const reason = thrown
    .replace(/\n.*\(sledge:\w+(:\d+)?\)/g, '')
    .replaceAll(/(?<=\(| at )([^()\n]+):(\d+)(?=\)|$)/gm, (whole, file: string, line: string) => {
      const place = file === name ? placeOf(lines, Number(line)) : undefined;
      return place ?? whole;
    });
  const details = { path: source, reason: `\n${reason}` };
  return new SledgeError('SLEDGE_ERR_BUILD_SOURCE', details, { cause: error });
}

interface Bundle {
  readonly text: string;
  readonly lines: BundleLines;
}

async function bundled(source: string): Promise<Bundle> {
  const { build } = await import('esbuild').catch(() => {
    throw toolMissing({ name: 'esbuild', install: 'npm install esbuild' });
  });
  try {
    const { outputFiles } = await build({
      entryPoints: [source],
      absWorkingDir: path.dirname(source),
      bundle: true,
      write: false,
      outfile: `${path.basename(source)}.js`, // for the names in its map
      sourcemap: 'external',
      format: 'iife',
      globalName: '__sledge_function',
      target: TARGET,
      supported: SUPPORTED,
      logOverride: SEVERITIES,
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['worker', 'import'],
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
    });
    const [map, code] = ['.map', '.js'].map(
      (end) => outputFiles.find((file) => file.path.endsWith(end))?.text ?? '{}',
    );
    // a zero byte ends a script on its way to the engine
    const text = (code ?? '').replaceAll('\0', '\\0');
    const payload = JSON.parse(map ?? '{}') as SourceMapPayload;
    return { text, lines: linesOf(text, new SourceMap(payload)) };
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
