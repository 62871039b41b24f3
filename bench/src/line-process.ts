import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const ANSWER_LIMIT_MS = 120_000;

/** A child process that answers each line with a line. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  #ended: Error | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${command}: no pipe`);
    createInterface({ input: stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    const end = (reason: string): void => {
      this.#ended = new Error(`${command} ${args.join(' ')}: ${reason}`);
      this.#fail(this.#ended);
    };
    this.#child.on('error', (error) => end(error.message));
    this.#child.on('exit', (code, signal) => end(`ended with ${code ?? signal ?? 'nothing'}`));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** @throws Error when the process ends, or does not answer within two minutes. */
  async ask(line: string): Promise<string> {
    if (this.#ended !== undefined) throw this.#ended;
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<string>((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#fail = reject;
      timer = setTimeout(() => reject(new Error(`no answer to ${line}`)), ANSWER_LIMIT_MS);
    });
    this.#child.stdin?.write(`${line}\n`);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#fail = () => undefined;
    }
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}
