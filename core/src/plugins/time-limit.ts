import { SledgeError } from '../errors/sledge-error';

/** Steps of a plugin's life that have a limit `lifecycle.<step>TimeoutMs`. */
export type LimitedStep = 'create' | 'start' | 'drain' | 'stop';

/**
 * What `run` gives, or SLEDGE_ERR_PLUGIN_TIMEOUT after `limitMs`. A late result is dropped: the
 * step cannot be taken back, so its plugin counts as failed.
 */
export async function withTimeLimit<T>(
  plugin: string,
  step: LimitedStep,
  limitMs: number,
  run: () => Promise<T> | T,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SledgeError('SLEDGE_ERR_PLUGIN_TIMEOUT', { plugin, step, limitMs }));
    }, limitMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(run), limit]);
  } finally {
    clearTimeout(timer);
  }
}
