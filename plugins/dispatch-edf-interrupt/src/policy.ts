import { defineDispatcher } from '@sledge/core';
import type { RequestView, Workers } from '@sledge/core';

/**
 * An idle worker, else one that gives way, else the one where the least work stands before the
 * request; in TypeScript: decides as ../native does, action by action.
 */
export default defineDispatcher({
  name: 'dispatch-edf-interrupt-typescript',
  create: () => ({
    arrive(request, workers) {
      const start = workers.rotate();
      const idle = workers.nextIdle(start);
      if (idle >= 0 && workers.assign(idle, request)) return;
      const yielding = leastWorkThatYields(workers, start, request);
      if (yielding >= 0 && place(workers, yielding, request)) return;
      const from = leastWait(workers, start, request);
      for (let turn = 0; turn < workers.length; turn += 1) {
        if (place(workers, (from + turn) % workers.length, request)) return;
      }
      workers.reject(request);
    },
  }),
});

function leastWorkThatYields(workers: Workers, start: number, request: RequestView): number {
  let least = -1;
  let leastNs = Infinity;
  for (let turn = 0; turn < workers.length; turn += 1) {
    const id = (start + turn) % workers.length;
    if (!workers.wouldPreempt(id, request)) continue;
    const { queuedWorkNs } = workers.at(id);
    if (queuedWorkNs >= leastNs) continue;
    least = id;
    leastNs = queuedWorkNs;
  }
  return least;
}

function leastWait(workers: Workers, start: number, request: RequestView): number {
  let least = start;
  let leastNs = Infinity;
  for (let turn = 0; turn < workers.length; turn += 1) {
    const id = (start + turn) % workers.length;
    const waitNs = workers.waitNs(id, request);
    if (waitNs >= leastNs) continue;
    least = id;
    leastNs = waitNs;
  }
  return least;
}

function place(workers: Workers, id: number, request: RequestView): boolean {
  const { running } = workers.at(id);
  if (!workers.assign(id, request)) return false;
  if (running !== null) workers.interrupt(id, running.id);
  return true;
}
