import { compileWith, findProgram, toolMissing } from './tools';

/**
 * What uses a proposal is made as well: the sandbox says which one it is, and the way out.
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE.
 */
export async function compileWat(source: string, output: string): Promise<void> {
  const compiler = findProgram(['wat2wasm']);
  if (compiler === undefined) throw toolMissing({ name: 'wat2wasm', install: 'apt install wabt' });
  const compile = (...flags: string[]): Promise<void> =>
    compileWith(compiler, [...flags, source, '-o', output], source);
  try {
    await compile();
  } catch (error) {
    await compile('--enable-all').catch(() => {
      throw error;
    });
  }
}
