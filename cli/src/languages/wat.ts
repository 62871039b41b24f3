import { compileWith, findProgram, toolMissing } from './tools';

/** @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE. */
export async function compileWat(source: string, output: string): Promise<void> {
  const compiler = findProgram(['wat2wasm']);
  if (compiler === undefined) throw toolMissing({ name: 'wat2wasm', install: 'apt install wabt' });
  await compileWith(compiler, [source, '-o', output], source);
}
