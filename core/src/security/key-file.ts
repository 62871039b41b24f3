import type { Logger } from 'pino';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { KeyRing } from './key-ring';
import type { ApiKey } from './key-ring';
import type { WatchFiles } from './tls';

/** A file of API keys that is read again when it changes; a wrong one leaves those before. */
export class KeyFile {
  #ring: KeyRing;
  #reloads = 0;
  #reloadFailures = 0;
  readonly #unwatch: () => void;

  /** @throws SledgeError SLEDGE_ERR_KEYS_FILE. */
  constructor(
    readonly file: string,
    watch: WatchFiles,
    private readonly logger: Logger,
  ) {
    this.#ring = KeyRing.read(file);
    this.#unwatch = watch([file], () => this.#reload());
  }

  /** @throws SledgeError SLEDGE_ERR_HTTP_KEY, or _KEY_FUNCTION for a key of other functions. */
  check(secret: string | undefined, fn: string): ApiKey {
    const key = secret === undefined ? undefined : this.#ring.find(secret);
    if (key === undefined) throw new SledgeError('SLEDGE_ERR_HTTP_KEY');
    if (key.functions?.has(fn) === false) {
      throw new SledgeError('SLEDGE_ERR_HTTP_KEY_FUNCTION', { name: key.name });
    }
    return key;
  }

  stats(): Record<string, number> {
    return { keys_reloads: this.#reloads, keys_reload_failures: this.#reloadFailures };
  }

  close(): void {
    this.#unwatch();
  }

  #reload(): void {
    const { file } = this;
    try {
      this.#ring = KeyRing.read(file);
      this.#reloads += 1;
      this.logger.info({ file }, 'the API keys were read again');
    } catch (error) {
      this.#reloadFailures += 1;
      const code = error instanceof SledgeError ? error.code : undefined;
      this.logger.error({ code, file }, `${reasonOf(error)} Those before stay in force.`);
    }
  }
}
