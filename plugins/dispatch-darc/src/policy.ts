import { defineDispatcher } from '@sledge/core';
import type { Workers } from '@sledge/core';
import { Darc } from './darc';
import { darcOptions } from './options';

/** Workers reserved for groups, in TypeScript: decides as ../native does, action by action. */
export default defineDispatcher({
  name: 'dispatch-darc-typescript',
  options: darcOptions,
  create(options) {
    const darc = new Darc(options);

    function feed(worker: number, workers: Workers): void {
      const request = darc.select(worker);
      if (request === undefined || !workers.assign(worker, request)) return;
      darc.forget(request);
      darc.hasStarted(request, workers.nowNs);
    }

    function feedIdle(first: number, workers: Workers): void {
      for (let from = first; from < workers.length;) {
        const worker = workers.nextIdle(from);
        if (worker < from) return;
        feed(worker, workers);
        from = worker + 1;
      }
    }

    return {
      arrive(request, workers) {
        darc.hold(request, workers);
        feedIdle(darc.firstWorker(request.type), workers);
      },
      idle: (worker, workers) => feed(worker.id, workers),
      completed(request, _worker, workers) {
        if (darc.profile(request)) feedIdle(0, workers);
      },
      removed(request) {
        if (request.state === 'held') darc.forget(request);
      },
    };
  },
});
