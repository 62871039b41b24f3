import { join } from 'node:path';
import { Agent, Pool, request } from 'undici';
import type { BenchContext } from '../area';
import type { ServerProcess } from '../server-process';

export interface Scrape {
  readonly ms: number;
  readonly lines: number;
  /** Longest of the calls that came one after the other meanwhile. */
  readonly worstCallMs: number;
}

/** Reads /metrics once, and calls a function all the while. */
export async function scrapeOnce(
  context: BenchContext,
  server: ServerProcess,
  path: string,
): Promise<Scrape> {
  const socketPath = join(context.cacheDirectory, 'sledge', 'admin.sock');
  const admin = new Agent({ connect: { socketPath } });
  const pool = new Pool(new URL(server.url).origin, { connections: 1 });
  let isScraping = true;
  let worstCallMs = 0;
  const calls = (async () => {
    while (isScraping) {
      const beganMs = performance.now();
      await (await pool.request({ path, method: 'GET' })).body.dump();
      worstCallMs = Math.max(worstCallMs, performance.now() - beganMs);
    }
  })();
  const beganMs = performance.now();
  const { body, statusCode } = await request('http://sledge/metrics', { dispatcher: admin });
  const text = await body.text();
  const ms = performance.now() - beganMs;
  isScraping = false;
  await calls;
  await Promise.all([admin.close(), pool.close()]);
  if (statusCode !== 200) throw new Error(`/metrics answered ${statusCode}`);
  return { ms, lines: text.split('\n').length - 1, worstCallMs };
}
