import { Worker } from 'node:worker_threads';
import type { ExternalWorkerData } from '../contracts/native-external';

const RESPAWN_FIRST_MS = 1;
const RESPAWN_MAX_MS = 1_000;
/** A worker that lived this long starts again at once. */
const HEALTHY_MS = 5_000;

/** The worker_threads of a JavaScript sandbox: always `count` of them, whatever happens to one. */
export class WorkerThreads {
  private readonly live = new Map<number, Worker>();
  private readonly waiting = new Map<number, NodeJS.Timeout>();
  private readonly delayMs = new Map<number, number>();
  private isStopped = false;

  constructor(
    private readonly script: string,
    private readonly bindingPath: string,
    private readonly handle: number,
    count: number,
  ) {
    for (let worker = 0; worker < count; worker += 1) this.spawn(worker);
  }

  /** Its invocation has been ended: a new thread takes its place at once. */
  kill(worker: number): void {
    this.delayMs.delete(worker);
    void this.live.get(worker)?.terminate();
  }

  /** Call it after the data plane has stopped. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
    await Promise.all([...this.live.values()].map((thread) => thread.terminate()));
  }

  private spawn(worker: number): void {
    const { bindingPath, handle } = this;
    const workerData: ExternalWorkerData = { bindingPath, handle, worker };
    const thread = new Worker(this.script, { workerData, name: `sledge-js${worker}` });
    const startedMs = performance.now();
    this.live.set(worker, thread);
    thread.unref();
    thread.on('error', () => undefined); // an 'exit' follows
    thread.on('exit', () => {
      this.live.delete(worker);
      if (performance.now() - startedMs > HEALTHY_MS) this.delayMs.delete(worker);
      this.respawn(worker);
    });
  }

  private respawn(worker: number): void {
    if (this.isStopped) return;
    const delayMs = this.delayMs.get(worker) ?? 0;
    this.delayMs.set(worker, Math.min(RESPAWN_MAX_MS, delayMs * 2 || RESPAWN_FIRST_MS));
    const timer = setTimeout(() => {
      this.waiting.delete(worker);
      this.spawn(worker);
    }, delayMs);
    timer.unref();
    this.waiting.set(worker, timer);
  }
}
