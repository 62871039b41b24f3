import { defineDispatcher } from '@sledge/core';
import type { RequestView, Workers } from '@sledge/core';

/**
 * An idle worker, else one that gives way, else the one where the least work stands before the
 * request; in TypeScript: decides as ../native does, action by action.
 */
export default defineDispatcher({
  name: 'dispatch-edf-interrupt-typescript',
  provides: ['run-queues'],
  needs: ['deadline-order', 'preemption'],
  create: () => ({
    arrive(request, workers) {
      const start = workers.rotate();
      const idle = workers.nextIdle(start);
      if (idle >= 0 && workers.assign(idle, request)) return;
      const yielding = workers.leastWorkYielding(start, request);
      if (yielding >= 0 && place(workers, yielding, request, true)) return;
      const from = workers.leastWait(start, request);
      for (let turn = 0; turn < workers.length; turn += 1) {
        if (place(workers, (from + turn) % workers.length, request, yielding >= 0)) return;
      }
      workers.reject(request);
    },
  }),
});

function place(workers: Workers, id: number, request: RequestView, interrupts: boolean): boolean {
  const { running } = workers.at(id);
  if (!workers.assign(id, request)) return false;
  if (interrupts && running !== null) workers.interrupt(id, running.id);
  return true;
}
