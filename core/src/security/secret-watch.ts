import type { Logger } from 'pino';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { digestOf, secretEnviron } from './secrets';
import type { SecretFiles } from './secrets';
import type { WatchFiles } from './tls';

const AGAIN_MS = 30_000;

/** A function that has secrets. */
export interface SecretUser {
  readonly tenant: string;
  readonly name: string;
  readonly secrets: SecretFiles;
  /** Digests of those that its versions have which serve now. */
  readonly inForce: () => readonly (string | undefined)[];
}

/**
 * Secrets of functions, in step with their files: when one has changed, who has it is loaded anew.
 * What cannot be used leaves those before in force. Main thread.
 */
export class SecretWatch {
  #reloads = 0;
  #reloadFailures = 0;
  #isClosed = false;
  #work = Promise.resolve();
  readonly #ends: (() => void)[];
  readonly #again = new Set<NodeJS.Timeout>();

  /** @param renew the next requests of a function are to see its secrets as they are now. */
  constructor(
    users: readonly SecretUser[],
    watch: WatchFiles,
    private readonly renew: (user: SecretUser) => Promise<void>,
    private readonly logger: Logger,
  ) {
    this.#ends = users.map((user) => {
      const look = () => this.#lookAt(user);
      const end = watch(
        Object.values(user.secrets).map(({ file }) => file),
        look,
      );
      look(); // they may have changed since they were read
      return end;
    });
  }

  /** Counted since it was made. */
  stats(): Record<string, number> {
    return { reloads: this.#reloads, reload_failures: this.#reloadFailures };
  }

  close(): void {
    for (const end of this.#ends) end();
    for (const timer of this.#again) clearTimeout(timer);
    this.#isClosed = true;
  }

  #lookAt(user: SecretUser): void {
    this.#work = this.#work.then(() => this.#look(user));
  }

  /** What fails for another reason than the files may be different soon. */
  #lookLater(user: SecretUser): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#again.delete(timer);
      this.#lookAt(user);
    }, AGAIN_MS).unref();
    this.#again.add(timer);
  }

  async #look(user: SecretUser): Promise<void> {
    const { tenant, name } = user;
    try {
      const digest = digestOf(secretEnviron(user.secrets));
      if (user.inForce().every((one) => one === digest)) return;
      await this.renew(user);
      this.#reloads += 1;
      this.logger.info({ tenant, function: name }, 'its secrets were read again');
    } catch (error) {
      this.#reloadFailures += 1;
      const code = error instanceof SledgeError ? error.code : undefined;
      const message = `${reasonOf(error)} The secrets before stay in force.`;
      this.logger.error({ code, tenant, function: name }, message);
      if (code !== 'SLEDGE_ERR_SECRET_FILE') this.#lookLater(user);
    }
  }
}
