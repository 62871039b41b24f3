import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ModuleCopy, writeModuleCopies } from '@sledge/sandbox-awsm';
import type { BenchContext } from '../area';

const PLACEHOLDER = '@@@@@';

/** Modules of the density benchmark, and the cache that has what was made of them. */
export interface DensityModules {
  readonly copies: readonly ModuleCopy[];
  readonly cacheDirectory: string;
}

/**
 * `count` distinct modules: each answers a text of its own, which lies in a data segment. Their
 * artifacts are distinct files; see `writeModuleCopies` for what is compiled. Kept between runs.
 */
export async function densityModules(
  context: BenchContext,
  count: number,
): Promise<DensityModules> {
  const base = join(context.cacheDirectory, 'density');
  mkdirSync(base, { recursive: true });
  const template = join(base, 'template.wasm');
  execFileSync('wat2wasm', [join(context.root, 'bench/modules/text.wat'), '-o', template]);
  const of = {
    wasm: readFileSync(template),
    placeholder: PLACEHOLDER,
    folder: join(base, 'modules'),
    cacheDirectory: join(base, 'built'),
    level: 'production' as const,
  };
  const [probe] = await writeModuleCopies({ ...of, count: 1 });
  const listFile = join(base, 'copies.json');
  const known = existsSync(listFile) ? (JSON.parse(readFileSync(listFile, 'utf8')) as Known) : null;
  const isKnown = known?.copies[0]?.artifactPath === probe?.artifactPath;
  if (known !== null && isKnown && known.copies.length === count) return { ...of, ...known };
  context.note(`${count} modules are written once`);
  rmSync(of.folder, { recursive: true, force: true });
  rmSync(of.cacheDirectory, { recursive: true, force: true });
  const copies = await writeModuleCopies({ ...of, count });
  writeFileSync(listFile, JSON.stringify({ copies }));
  return { copies, cacheDirectory: of.cacheDirectory };
}

interface Known {
  copies: ModuleCopy[];
}
