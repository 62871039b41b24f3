import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askAdmin } from '@sledge/core/host';

export const ROOT = path.join(__dirname, '..', '..', '..');
export const BIN = path.join(ROOT, 'cli', 'bin', 'sledge.js');
const READY_LIMIT_MS = 120_000;

const started = new Set<ChildProcess>();
/** A failed test leaves no process behind. */
afterAll(() => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
});

export interface Ready {
  pid: number;
  control: string;
  listeners: { transport: string; tenant: string; url: string }[];
}

export interface Server {
  ready: Ready;
  url: string;
  child: ChildProcess;
  readyFile: string;
  /** Everything on standard error until now. */
  log(): string;
  /** Calls until it is seen that a call is being served, and gives what that one will answer. */
  begin<Of>(call: () => Promise<Of>): Promise<{ answer: Promise<Of> }>;
  /** Resolves when it has said so on standard error. */
  hasSaid(text: string): Promise<void>;
  /** Sends the signal and gives the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** One command to its end. */
export function sledge(
  cwd: string,
  args: readonly string[],
  input = '',
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [BIN, ...args], {
    cwd,
    input,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    timeout: 120_000,
  });
}

/** `sledge start` until its ready file is there; it must have port 0. */
export async function serve(
  cwd: string,
  args: readonly string[],
  stderr: 'pipe' | number = 'pipe',
): Promise<Server> {
  const readyFile = path.join(cwd, `ready-${Math.random().toString(36).slice(2)}.json`);
  const child = spawn(process.execPath, [BIN, 'start', '--ready-file', readyFile, ...args], {
    cwd,
    stdio: ['ignore', 'ignore', stderr],
  });
  started.add(child);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const limit = performance.now() + READY_LIMIT_MS;
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null || performance.now() > limit) {
      child.kill('SIGKILL');
      throw new Error(`it does not serve: ${log}`);
    }
    await delay(20);
  }
  const ready = JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
  const exited = once(child, 'exit');
  return {
    ready,
    url: ready.listeners[0]?.url ?? '',
    child,
    readyFile,
    log: () => log,
    async begin(call) {
      const status = () => askAdmin(ready.control, { path: '/status' });
      for (;;) {
        const answer = call();
        let isOver = false;
        answer.finally(() => (isOver = true)).catch(() => undefined);
        while (!isOver) {
          if (((await status()) as { inFlight: number }).inFlight > 0) return { answer };
          await delay(1);
        }
      }
    },
    async hasSaid(text) {
      while (!log.includes(text)) await delay(5);
    },
    async end(signal) {
      child.kill(signal);
      const [code, by] = (await exited) as [number | null, NodeJS.Signals | null];
      return code ?? by;
    },
  };
}
