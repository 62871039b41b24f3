import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A nats-server of a test, on a free port of loopback; it may be killed and started again. */
export class NatsServer {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'sledge-nats-'));
  #process: ChildProcess | undefined;
  #port = -1;

  private constructor(
    private readonly config: string,
    private readonly place: { address: string; within: readonly string[] },
  ) {}

  /** @param config beside address, port and JetStream, which are given. */
  static async start(config = '', address = '127.0.0.1', within: string[] = []) {
    const server = new NatsServer(config, { address, within });
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `nats://${this.place.address}:${this.#port}`;
  }

  /** With the port and the streams that it had. */
  async start(): Promise<void> {
    const { address, within } = this.place;
    const file = path.join(this.folder, 'nats.conf');
    const listen = `listen: "${address}:${this.#port}"`;
    const store = `jetstream { store_dir: "${this.folder}", max_mem: 64M, max_file: 256M }`;
    const ports = `ports_file_dir: "${this.folder}"`;
    writeFileSync(file, `${listen}\n${store}\n${ports}\n${this.config}\n`);
    const [command = '', ...args] = [...within, 'nats-server', '-c', file];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (text: Buffer) => {
        said += text.toString();
        if (said.includes('Server is ready')) resolve();
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`nats-server ended: ${said}`)));
    });
    if (this.#port > 0) return;
    this.#port = await this.#portOf(child);
  }

  /** It writes its ports when it is ready, and that takes a moment. */
  async #portOf(child: ChildProcess): Promise<number> {
    const file = path.join(this.folder, `nats-server_${child.pid}.ports`);
    for (;;) {
      try {
        const [url = ''] = (JSON.parse(readFileSync(file, 'utf8')) as { nats: string[] }).nats;
        return Number(new URL(url).port);
      } catch (error) {
        if (child.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
