import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { SledgeError } from '@sledge/core';

const run = promisify(execFile);
const TIME_LIMIT_MS = 120_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Headers, engine and templates that come with Sledge. */
export const LANGUAGES_FOLDER = path.join(__dirname, '..', '..', 'languages');

/** A compiler, and the one command that installs it. */
export interface Tool {
  /** For messages. */
  readonly name: string;
  readonly install: string;
}

export function toolMissing(tool: Tool): SledgeError {
  const { name, install } = tool;
  return new SledgeError('SLEDGE_ERR_BUILD_TOOL_MISSING', { tool: name, install });
}

/** The first of these programs that is in PATH, or in `folders` before it. */
export function findProgram(
  names: readonly string[],
  folders: readonly string[] = [],
): string | undefined {
  const places = [...folders, ...(process.env.PATH ?? '').split(path.delimiter)];
  const candidates = names.flatMap((name) => places.map((folder) => path.join(folder, name)));
  return candidates.find((candidate) => existsSync(candidate));
}

/**
 * A file of an npm package: of the source's own folder, or of Sledge's.
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING
 */
export function packageFile(request: string, source: string, tool: Tool): string {
  try {
    return require.resolve(request, { paths: [path.dirname(source), __dirname] });
  } catch {
    throw toolMissing(tool);
  }
}

/**
 * Runs a compiler to its end.
 * @throws SledgeError SLEDGE_ERR_BUILD_SOURCE with what it said.
 */
export async function compileWith(
  program: string,
  args: readonly string[],
  source: string,
  { cwd, env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  try {
    await run(program, args, { cwd, env, timeout: TIME_LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX });
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    const said = [stderr, stdout].map((text) => text?.trim() ?? '').find((text) => text !== '');
    const reason = said === undefined ? `${program} did not end in time.` : `\n${said}`;
    throw new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: source, reason }, { cause: error });
  }
}
