import { SledgeError } from '../errors/sledge-error';

/**
 * Deployments that compile, and a bounded number that wait for one of them to end. A place is taken
 * before the module is read, so that uploads are bounded too. Main thread.
 */
export class DeployQueue {
  private places = 0;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param parallel that compile at once. @param waitingMax that may wait beside them. */
  constructor(
    private readonly parallel: number,
    private readonly waitingMax: number,
  ) {}

  /** @returns gives the place back; idempotent. @throws SledgeError SLEDGE_ERR_CONTROL_BUSY */
  enter(): () => void {
    const limit = this.parallel + this.waitingMax;
    if (this.places >= limit) throw new SledgeError('SLEDGE_ERR_CONTROL_BUSY', { limit });
    this.places += 1;
    let isIn = true;
    return () => {
      if (isIn) this.places -= 1;
      isIn = false;
    };
  }

  /** Runs `work` when its turn comes. */
  async run<Of>(work: () => Promise<Of>): Promise<Of> {
    if (this.running >= this.parallel) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.running += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
