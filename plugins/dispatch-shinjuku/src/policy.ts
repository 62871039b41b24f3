import { defineDispatcher, z } from '@sledge/core';
import type { RequestView, WorkerView, Workers } from '@sledge/core';

/** Of one type: what was preempted, the last of it first, then what has not run, by arrival. */
class TypeQueue {
  private readonly preempted: RequestView[] = [];
  private readonly fresh = new Set<RequestView>();

  get head(): RequestView | undefined {
    return this.preempted.at(-1) ?? this.fresh.values().next().value;
  }
  hold(request: RequestView, atHead: boolean): void {
    if (atHead) this.preempted.push(request);
    else this.fresh.add(request);
  }
  forget(request: RequestView): void {
    if (this.fresh.delete(request)) return;
    const place = this.preempted.lastIndexOf(request);
    if (place >= 0) this.preempted.splice(place, 1);
  }
}

/**
 * A queue for each type; the head that has waited the largest part of its deadline is next; in
 * TypeScript: decides as ../native does, action by action.
 */
class Shinjuku {
  private readonly queues: TypeQueue[] = [];

  constructor(
    private readonly defaultDeadlineNs: number,
    private readonly bindsToWorker: boolean,
  ) {}

  /** Puts the request into its queue; workers without work get what is most urgent. */
  offer(request: RequestView, workers: Workers, atHead: boolean): void {
    const only = this.onlyWorker(request);
    if (only >= 0 && hasNothing(workers.at(only)) && workers.assign(only, request)) return;
    request.note = workers.nowNs;
    (this.queues[request.type] ??= new TypeQueue()).hold(request, atHead);
    const start = workers.rotate();
    for (;;) {
      const idle = workers.nextIdle(start);
      if (idle < 0 || !this.feed(idle, workers)) return;
    }
  }

  /** Gives the worker what is most urgent of what it may take; false: it got nothing. */
  feed(worker: number, workers: Workers): boolean {
    for (;;) {
      const request = this.select(workers.nowNs);
      if (request === undefined) return false;
      const only = this.onlyWorker(request);
      const target = only < 0 ? worker : only;
      if (!workers.assign(target, request)) return false;
      this.forget(request);
      if (target === worker) return true;
    }
  }

  forget(request: RequestView): void {
    this.queues[request.type]?.forget(request);
  }

  private select(nowNs: number): RequestView | undefined {
    let best: RequestView | undefined;
    let bestUrgency = -1;
    for (const queue of this.queues) {
      const head = queue?.head;
      if (head === undefined) continue;
      const urgency = this.urgency(head, nowNs);
      if (urgency <= bestUrgency) continue;
      best = head;
      bestUrgency = urgency;
    }
    return best;
  }

  /** Waiting time in parts of the relative deadline. */
  private urgency(request: RequestView, nowNs: number): number {
    const { arrivalNs, deadlineNs } = request;
    const hasDeadline = deadlineNs !== Infinity;
    const relativeNs = hasDeadline ? Math.max(deadlineNs - arrivalNs, 1) : this.defaultDeadlineNs;
    return (nowNs - (request.note as number)) / relativeNs;
  }

  /** The only worker that may take it; -1: any. */
  private onlyWorker(request: RequestView): number {
    const { affinity, worker, runNs, preemptions } = request;
    if (affinity >= 0) return affinity;
    return this.bindsToWorker && (runNs !== 0 || preemptions !== 0) ? worker : -1;
  }
}

function hasNothing({ running, queueLength }: WorkerView): boolean {
  return running === null && queueLength === 0;
}

export default defineDispatcher({
  name: 'dispatch-shinjuku-typescript',
  options: z.strictObject({
    intervalUs: z.number().min(1).max(60_000_000).default(15),
    resume: z.enum(['any-worker', 'same-worker']).default('any-worker'),
    defaultDeadlineUs: z.number().min(1).max(3_600_000_000).default(1_000_000),
  }),
  needs: ['preemption'],
  create: ({ intervalUs, resume, defaultDeadlineUs }) => {
    const state = new Shinjuku(Math.floor(defaultDeadlineUs * 1000), resume === 'same-worker');
    return {
      quantumUs: Math.floor(intervalUs * 1000) / 1000,
      arrive: (request, workers) => state.offer(request, workers, false),
      idle(worker, workers) {
        if (worker.queueLength === 0) state.feed(worker.id, workers);
      },
      preempted: (request, _worker, workers) => state.offer(request, workers, true),
      removed(request) {
        if (request.state === 'held') state.forget(request);
      },
    };
  },
});
