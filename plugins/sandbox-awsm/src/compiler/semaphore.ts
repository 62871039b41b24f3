/** At most `count` at a time, in order of arrival. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];

  constructor(private count: number) {}

  async use<T>(task: () => Promise<T>): Promise<T> {
    if (this.count > 0) this.count--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.count++;
      else next();
    }
  }
}
