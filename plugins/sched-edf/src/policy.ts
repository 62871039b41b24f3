import { defineScheduler, z } from '@sledge/core';
import type { RequestView } from '@sledge/core';

const KEY_MAX = Number.MAX_SAFE_INTEGER;
const OVERDUE_PATIENCE = 10;

/** Earliest deadline first, in TypeScript: decides as ../native does, action by action. */
export default defineScheduler({
  name: 'sched-edf-typescript',
  options: z.strictObject({
    overdue: z.enum(['behind', 'in-order', 'slack']).default('behind'),
    overdueShare: z.number().min(0).max(0.9).default(0.1),
    overdueFinishUs: z.number().min(0).max(1000).default(10),
  }),
  claims: { ordersByDeadline: true },
  create({ overdue, overdueShare, overdueFinishUs }) {
    const isBehind = overdue === 'behind';
    const finishNs = Math.floor(overdueFinishUs * 1e3);
    const isToFinish = ({ state, remainingNs }: RequestView) =>
      state === 'running' && remainingNs <= finishNs;
    const rank = (request: RequestView, nowNs: number) => {
      const key = Math.min(request.deadlineNs, KEY_MAX);
      if (!isBehind || request.deadlineNs === Infinity) return { key, isOverdue: false };
      if (nowNs > request.deadlineNs) {
        const { deadlineNs, remainingNs } = request;
        const overdue = { key: Math.min(deadlineNs + OVERDUE_PATIENCE * remainingNs, KEY_MAX) };
        if (!isToFinish(request)) return { ...overdue, isOverdue: true };
        return { ...overdue, isOverdue: true, validUntilNs: nowNs + remainingNs };
      }
      return { key, isOverdue: false, validUntilNs: request.deadlineNs };
    };
    return {
      rank,
      preempts(candidate, running, nowNs) {
        if (overdue === 'slack' && !hasSlack(running, nowNs)) return false;
        if (isBehind && nowNs > running.deadlineNs && isToFinish(running)) return false;
        const one = rank(candidate, nowNs);
        const other = rank(running, nowNs);
        return one.isOverdue === other.isOverdue ? one.key < other.key : other.isOverdue;
      },
      overdueShare: isBehind ? overdueShare : 0,
    };
  },
});

/** Could the request still wait and meet its deadline, if its estimate is right? */
function hasSlack(request: RequestView, nowNs: number): boolean {
  return request.deadlineNs > nowNs + Math.max(request.estimateNs - request.runNs, -nowNs);
}
