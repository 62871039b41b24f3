import { defineDispatcher, z } from '@sledge/core';
import type { RequestView, WorkerView, Workers } from '@sledge/core';

/** Work stealing: workers in turn; who runs out of work takes the oldest of the longest queue. */
export default defineDispatcher({
  name: 'work-stealing',
  options: z.strictObject({}),
  provides: ['run-queues'],
  claims: { isWorkConserving: true },
  create() {
    const given: Set<RequestView>[] = [];
    const forget = (request: RequestView) => given[request.worker]?.delete(request);

    function give(workers: Workers, worker: number, request: RequestView): boolean {
      if (!workers.assign(worker, request)) return false;
      (given[worker] ??= new Set()).add(request);
      return true;
    }

    function longestQueue(workers: Workers, thief: WorkerView): number {
      let victim = -1;
      let longest = 0;
      for (let id = 0; id < workers.length; id += 1) {
        const { queueLength } = workers.at(id);
        if (id === thief.id || queueLength <= longest) continue;
        [victim, longest] = [id, queueLength];
      }
      return victim;
    }

    return {
      arrive(request, workers) {
        const start = workers.rotate();
        const idle = workers.nextIdle(start);
        if (idle >= 0 && give(workers, idle, request)) return;
        for (let turn = 0; turn < workers.length; turn += 1) {
          if (give(workers, (start + turn) % workers.length, request)) return;
        }
        workers.reject(request);
      },
      idle(thief, workers) {
        const victim = longestQueue(workers, thief);
        for (const request of given[victim] ?? []) {
          if (request.state !== 'queued' || !workers.take(request)) continue;
          given[victim]?.delete(request);
          give(workers, thief.id, request);
          return;
        }
      },
      completed: (request) => void forget(request),
      removed: (request) => void forget(request),
    };
  },
});
