import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSledge, type Outcome, type Sledge } from '@sledge/core';

/** The example function, which answers with the errno of its call. */
export const notes = path.join(__dirname, '../../../functions/notes.wasm');
export const KV = {
  agrees: 0,
  behind: 6,
  exists: 20,
  tooBig: 22,
  invalid: 28,
  missing: 44,
  full: 51,
};

/** One for each test file. */
export const folder = mkdtempSync(path.join(tmpdir(), 'sledge-kv-'));
export const started: Sledge[] = [];

/** A running server without transports, with the function for each tenant. */
export async function serve(
  options: Record<string, unknown> = {},
  tenants = ['one', 'two', 'small'],
  file = notes,
) {
  const sledge = createSledge(
    {
      workers: { count: 2, idle: 'block' },
      arena: { slots: 32 },
      log: { level: 'silent' },
      build: { cacheDirectory: path.join(folder, 'cache'), level: 'development' },
      hosts: [['kv', options]],
      tenants: tenants.map((name) => ({ name, functions: [{ name: 'notes', path: file }] })),
    },
    { withTransports: false },
  );
  started.push(sledge);
  await sledge.start();
  return sledge;
}

/** Stops what was started. */
export async function clear(): Promise<void> {
  for (const sledge of started) await sledge.stop();
  rmSync(folder, { recursive: true });
}

export const code = ({ status, exitCode }: Outcome): number | string =>
  status === 'completed' || status === 'exited' ? exitCode : status;
const textOf = ({ output }: Outcome): string => Buffer.from(output).toString();

/** A tenant's store, by calls of its function. */
export const of = (sledge: Sledge, tenant: string) => {
  const call = (args: string[], input?: string) =>
    sledge.invoke(`${tenant}/notes`, {
      args,
      environ: [],
      input: input === undefined ? undefined : Buffer.from(input),
    });
  return {
    put: async (key: string, value: string) => code(await call(['put', key], value)),
    create: async (key: string, value: string) => code(await call(['new', key], value)),
    get: async (key: string) => {
      const outcome = await call(['get', key]);
      return outcome.exitCode === 0 ? textOf(outcome) : outcome.exitCode;
    },
    remove: async (key: string) => code(await call(['delete', key])),
    list: async (prefix: string) => textOf(await call(['list', prefix])),
  };
};
