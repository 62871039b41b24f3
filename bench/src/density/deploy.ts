import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import type { BenchContext } from '../area';
import type { DensityModules } from './modules';

/**
 * Deploys modules whose artifacts are in the cache through the admin API, one after the other.
 * @returns how long each took, ms: from sending the module to the answer that it serves
 */
export async function deployCached(
  context: BenchContext,
  { copies }: DensityModules,
  count: number,
): Promise<number[]> {
  const socketPath = join(context.cacheDirectory, 'sledge', 'admin.sock');
  const dispatcher = new Agent({ connect: { socketPath } });
  const times: number[] = [];
  for (const { text, file } of copies.slice(0, count)) {
    const body = await readFile(file);
    const beganMs = performance.now();
    const settings = encodeURIComponent(JSON.stringify({ route: `/deployed/${text}` }));
    const answer = await request(
      `http://sledge/tenants/bench/functions/deployed${text}/versions?settings=${settings}`,
      { method: 'POST', headers: { 'content-type': 'application/wasm' }, body, dispatcher },
    );
    const said = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`deploy: ${answer.statusCode} ${said}`);
    times.push(performance.now() - beganMs);
  }
  await dispatcher.close();
  return times;
}
