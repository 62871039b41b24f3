import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SledgeError } from '@sledge/core';

const READY_LIMIT_MS = 300_000;
const STOP_LIMIT_MS = 15_000;
const POLL_MS = 20;
const LOG_CHARACTERS_MAX = 20_000;

/** A `sledge start` with a configuration of its own, on a free port. */
export class ServerProcess {
  private log = '';
  url = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.log = (this.log + text.toString()).slice(-LOG_CHARACTERS_MAX);
      });
    }
  }

  /** @throws SledgeError SLEDGE_ERR_LOAD_FAILED, with what the server said */
  static async start(
    command: readonly string[],
    config: Record<string, unknown>,
  ): Promise<ServerProcess> {
    const folder = mkdtempSync(path.join(tmpdir(), 'sledge-compare-'));
    const file = path.join(folder, 'sledge.config.json');
    const ready = path.join(folder, 'ready.json');
    writeFileSync(file, JSON.stringify(config));
    const [executable = process.execPath, ...args] = command;
    const child = spawn(executable, [...args, 'start', '-c', file, '--ready-file', ready], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new ServerProcess(child, folder);
    child.on('error', (error) => (server.log += error.message));
    const limit = performance.now() + READY_LIMIT_MS;
    while (!existsSync(ready)) {
      if (child.exitCode !== null || child.pid === undefined || performance.now() > limit) {
        await server.stop();
        const reason = `a server did not start:\n${server.log.trim()}`;
        throw new SledgeError('SLEDGE_ERR_LOAD_FAILED', { reason });
      }
      await delay(POLL_MS);
    }
    const told = JSON.parse(readFileSync(ready, 'utf8')) as { listeners: { url: string }[] };
    server.url = told.listeners[0]?.url ?? '';
    return server;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      const hang = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(hang);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A sample function of the checkout that this file belongs to. */
  static functionFile(name: string): string {
    const wanted = path.join('functions', `${name}.wasm`);
    for (let folder = __dirname; ; folder = path.dirname(folder)) {
      const file = path.join(folder, wanted);
      if (existsSync(file)) return file;
      if (folder === path.dirname(folder)) {
        throw new SledgeError('SLEDGE_ERR_LOAD_FAILED', { reason: `there is no ${wanted}` });
      }
    }
  }
}
