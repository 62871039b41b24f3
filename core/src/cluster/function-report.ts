import type { StoredFunction } from '../control/function-store';
import type { ArmReport, FunctionReport } from '../control/reports';

/** A function as the registry has it: what is counted of a split is counted on each node. */
export function clusterFunctionReport(fn: StoredFunction): FunctionReport {
  const { tenant, name, current, previous, split, events } = fn;
  const serving = fn.versions.find(({ version }) => version === current);
  const { route, requestType } = (serving?.settings ?? {}) as {
    route?: string;
    requestType?: number;
  };
  const arm = ({ version, weight }: { version: number; weight: number }): ArmReport => ({
    ...{ version, weight, requests: 0, errors: 0, misses: 0 },
  });
  const rule = split?.rule === undefined ? {} : { rollback: split.rule };
  return {
    ...{ tenant, name, source: 'deployed', state: 'serving', version: current },
    ...(serving === undefined ? {} : { hash: serving.hash }),
    ...(typeof route === 'string' ? { route } : {}),
    ...(typeof requestType === 'number' ? { requestType } : {}),
    split: split === null ? null : { versions: [arm(split.stable), arm(split.trial)], ...rule },
    before: (split === null ? previous.at(-1) : current) ?? null,
    versions: fn.versions.map(({ version, hash, settings, at }) => ({
      ...{ version, hash, source: 'deployed' as const, at },
      settings: settings as Record<string, unknown>,
    })),
    events,
  };
}
