import { defineDispatcher, z } from '@sledge/core';
import type { RequestView, Workers } from '@sledge/core';

/** Join the shortest queue, in TypeScript: decides as ../native does, action by action. */
export default defineDispatcher({
  name: 'dispatch-jsq-typescript',
  provides: ['run-queues'],
  options: z.strictObject({ interrupts: z.boolean().default(false) }),
  create: ({ interrupts }) => ({
    arrive(request, workers) {
      const start = workers.rotate();
      const idle = workers.nextIdle(start);
      if (idle >= 0 && workers.assign(idle, request)) return;
      if (interrupts) {
        const yielding = leastLoaded(workers, start, request, true);
        if (yielding >= 0 && place(workers, yielding, request, true)) return;
      }
      placeAnywhere(workers, leastLoaded(workers, start, request, false), request);
    },
  }),
});

/** The least loaded worker from `start` on; if `yields`, of those that would give way. */
function leastLoaded(
  workers: Workers,
  start: number,
  request: RequestView,
  yields: boolean,
): number {
  let least = -1;
  let leastLoad = Infinity;
  for (let turn = 0; turn < workers.length; turn += 1) {
    const id = (start + turn) % workers.length;
    const { queueLength, running } = workers.at(id);
    const load = queueLength + (running === null ? 0 : 1);
    if (load >= leastLoad || (yields && !workers.wouldPreempt(id, request))) continue;
    least = id;
    leastLoad = load;
  }
  return least;
}

function placeAnywhere(workers: Workers, from: number, request: RequestView): void {
  for (let turn = 0; turn < workers.length; turn += 1) {
    if (place(workers, (from + turn) % workers.length, request, false)) return;
  }
  workers.reject(request);
}

function place(workers: Workers, id: number, request: RequestView, interrupts: boolean): boolean {
  const { running } = workers.at(id);
  if (!workers.assign(id, request)) return false;
  if (interrupts && running !== null) workers.interrupt(id, running.id);
  return true;
}
