import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_LIMIT_MS = 10_000;
const POLL_MS = 10;

export interface NatsProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Debian's nats-server on a free port of loopback. @param more arguments, such as -js. */
export async function startNats(more: readonly string[] = []): Promise<NatsProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sledge-bench-nats-'));
  const args = ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', folder, ...more];
  const child = spawn('nats-server', args, { stdio: 'ignore' });
  const failed = once(child, 'error').then(() => {
    throw new Error('nats-server is missing: apt-get install -y nats-server');
  });
  const portsFile = join(folder, `nats-server_${child.pid}.ports`);
  const there = (async () => {
    const limit = Date.now() + START_LIMIT_MS;
    while (!existsSync(portsFile) || readFileSync(portsFile, 'utf8') === '') {
      if (child.exitCode !== null || Date.now() > limit) throw new Error('nats-server ended');
      await delay(POLL_MS);
    }
  })();
  await Promise.race([there, failed]);
  const [url = ''] = (JSON.parse(readFileSync(portsFile, 'utf8')) as { nats: string[] }).nats;
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
