import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import type { BenchContext } from '../area';
import { type ServerProcess, startSledgeAs } from '../server-process';
import type { DensityModules } from './modules';

const CALLERS = 32;
/** Collections and the threads of the start have ended. */
const SETTLE_MS = 1500;

/** A server with many functions of one tenant, each at a route of its own. */
export interface DensityServer {
  readonly server: ServerProcess;
  readonly startSeconds: number;
}

export async function startMany(
  context: BenchContext,
  { copies, cacheDirectory }: DensityModules,
  count: number,
): Promise<DensityServer> {
  const functions = copies
    .slice(0, count)
    .map(({ text, file }) => ({ name: `f${text}`, path: file, route: `/${text}` }));
  const beganMs = performance.now();
  const { server } = await startSledgeAs(context, {
    tenants: [{ name: 'bench', port: 0, functions }],
    build: { cacheDirectory },
    admin: { socket: 'admin.sock' },
    log: { level: 'warn' },
  });
  return { server, startSeconds: (performance.now() - beganMs) / 1000 };
}

/** Resident memory and page tables, KiB, when it is at rest. */
export async function memoryKib(server: ServerProcess): Promise<number> {
  await delay(SETTLE_MS);
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return of('VmRSS') + of('VmPTE');
}

export function mappings(server: ServerProcess): number {
  return readFileSync(`/proc/${server.pid}/maps`, 'utf8').split('\n').length - 1;
}

/** Calls each of the first `count` once. @throws Error when an answer is another function's. */
export async function callEach(
  server: ServerProcess,
  { copies }: DensityModules,
  count: number,
): Promise<void> {
  const pool = new Pool(new URL(server.url).origin, { connections: CALLERS });
  let next = 0;
  const call = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const text = copies[at]?.text ?? '';
      const answer = await pool.request({ path: `/${text}`, method: 'GET' });
      const body = await answer.body.text();
      if (body !== text) throw new Error(`${text} answered ${answer.statusCode} ${body}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  await pool.close();
}

/** For wrk: each request at one of the first `count` functions, at random. */
export function randomScript(context: BenchContext, count: number): string {
  const file = join(context.cacheDirectory, 'density', `random-${count}.lua`);
  const lines = [
    'math.randomseed(1)',
    'request = function()',
    `  return wrk.format(nil, string.format("/%05d", math.random(${count}) - 1))`,
    'end',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
