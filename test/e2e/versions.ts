import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import type { FunctionReport } from '@sledge/core/host';
import { Pool } from 'undici';
import type { Server } from './server';

const PLACEHOLDER = '@@@@';

/** Modules that differ in the text of four characters that they answer. */
export function moduleMaker(wat: string): (text: string) => Buffer {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'sledge-wat-')), 'template.wasm');
  execFileSync('wat2wasm', [path.join(__dirname, wat), '-o', file]);
  const template = readFileSync(file);
  const offset = template.indexOf(PLACEHOLDER);
  return (text) => {
    const bytes = Buffer.from(template);
    bytes.write(text.padEnd(PLACEHOLDER.length), offset, 'latin1');
    return bytes;
  };
}

export const FUNCTION = '/tenants/test/functions/f';

export interface DeployOptions {
  at?: string;
  query?: Record<string, string>;
}

/** Over the control socket. */
export async function deploy(
  server: Server,
  wasm: Uint8Array,
  { at = FUNCTION, query = {} }: DeployOptions = {},
): Promise<FunctionReport> {
  const answer = await askAdmin(server.control, {
    method: 'POST',
    path: `${at}/versions?${new URLSearchParams(query).toString()}`,
    body: wasm,
    idleMs: 120_000,
  });
  return (answer as { function: FunctionReport }).function;
}

export async function report(server: Server, at = FUNCTION): Promise<FunctionReport> {
  return (await askAdmin(server.control, { path: at })) as FunctionReport;
}

export interface Hammered {
  count: number;
  /** How often each text was answered with 200. */
  texts: Map<string, number>;
  /** Anything else. */
  wrong: string[];
}

/** Asks `url` all the time over kept connections until told to stop. */
export function hammer(
  url: string,
  connections = 8,
): { seen: Hammered; stop(): Promise<Hammered> } {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections });
  const seen: Hammered = { count: 0, texts: new Map(), wrong: [] };
  let isOver = false;
  const one = async (): Promise<void> => {
    while (!isOver) {
      try {
        const answer = await pool.request({ path: pathname, method: 'GET' });
        const text = (await answer.body.text()).trim();
        seen.count += 1;
        if (answer.statusCode !== 200) seen.wrong.push(`${answer.statusCode} ${text}`);
        else seen.texts.set(text, (seen.texts.get(text) ?? 0) + 1);
      } catch (error) {
        seen.wrong.push(String(error));
      }
    }
  };
  const all = Promise.all(Array.from({ length: connections }, one));
  return {
    seen,
    async stop() {
      isOver = true;
      await all;
      await pool.close();
      return seen;
    },
  };
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('it never became so');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function textOf(url: string): Promise<string> {
  const answer = await fetch(url);
  return `${answer.status} ${(await answer.text()).slice(0, 300).trim()}`;
}
