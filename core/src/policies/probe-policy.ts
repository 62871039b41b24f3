import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { type ProbeThreadData, threadScript } from './thread-data';

/**
 * Loads and makes a policy on a thread of its own, for nothing but to see whether that comes to an
 * end: code that hangs or exits must not do so to the server. Whether it ends well is not asked.
 * @throws SledgeError SLEDGE_ERR_PLUGIN_TIMEOUT after `limitMs`, SLEDGE_ERR_PLUGIN_CREATE when the
 *   thread itself has ended.
 */
export async function probePolicy(workerData: ProbeThreadData, limitMs: number): Promise<void> {
  const plugin = String(workerData.reference.source);
  const thread = new Worker(threadScript('probe-thread'), {
    workerData,
    name: 'sledge-probe',
    stdout: true,
    stderr: true,
  });
  thread.unref();
  // what it writes is written again by those that are made to serve
  thread.stdout.resume();
  thread.stderr.resume();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs).unref();
  const exited = once(thread, 'exit', { signal: limit.signal }).then(([code]) => {
    throw new Error(`its thread has ended with code ${code}`);
  });
  try {
    await Promise.race([once(thread, 'message', { signal: limit.signal }), exited]);
  } catch (error) {
    if (limit.signal.aborted) {
      throw new SledgeError('SLEDGE_ERR_PLUGIN_TIMEOUT', { plugin, limitMs, step: 'create' });
    }
    const details = { plugin, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', details, { cause: error });
  } finally {
    clearTimeout(timer);
    exited.catch(() => undefined);
    await thread.terminate();
  }
}
