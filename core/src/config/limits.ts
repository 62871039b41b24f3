import { workerCount } from './cores';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';
import type { FunctionConfig, SledgeConfig, TenantConfig } from './schema';

type FunctionLimits = FunctionConfig['limits'];

/** Limits of a tenant that no function of it may exceed; 0 stands for none in all of them. */
const CAPS = ['wallTimeUs', 'cpuTimeUs', 'memoryBytes', 'outputBytes', 'stackBytes'] as const;
const NOT_HERE = 'this sandbox does not have it; sandbox awsm does';
/** Limits of a function in which 0 is no limit. */
const NONE_IS_ZERO: readonly (keyof FunctionLimits)[] = ['cpuTimeUs', 'stackBytes'];

/** Stacks are bounded by the slots that they lie in. */
export function checkStacks(config: Pick<SledgeConfig, 'arena' | 'tenants'>): Problem[] {
  const most = config.arena.stackBytes;
  const check = (stackBytes: number, keys: readonly PropertyKey[]): Problem[] =>
    stackBytes <= most
      ? []
      : [
          problem(
            [...keys, 'limits', 'stackBytes'],
            `expected at most arena.stackBytes, which is ${most}, got ${stackBytes}`,
          ),
        ];
  return config.tenants.flatMap((tenant, index) => [
    ...check(tenant.limits.stackBytes, ['tenants', index]),
    ...tenant.functions.flatMap((fn, inner) =>
      check(fn.limits.stackBytes, ['tenants', index, 'functions', inner]),
    ),
  ]);
}

/** What tenants are promised together is no more than there is. */
export function checkBudgets(config: Pick<SledgeConfig, 'workers' | 'tenants'>): Problem[] {
  const workers = workerCount(config.workers);
  const problems: Problem[] = [];
  let promised = 0;
  config.tenants.forEach(({ budget }, index) => {
    if (budget === undefined) return;
    const { timeUs, periodUs } = budget;
    promised += timeUs / periodUs;
    if (promised <= workers + 1e-9) return;
    const all = `${promised.toFixed(2)} workers are promised by then`;
    problems.push(problem(['tenants', index, 'budget'], `${all}, and there are ${workers}`));
  });
  return problems;
}

/** Limits that only slots of the native data plane have. */
export function slotLimits(tenants: SledgeConfig['tenants']): Problem[] {
  const problems: Problem[] = [];
  const check = (value: number, keys: readonly PropertyKey[]): void => {
    if (value !== 0) problems.push(problem(keys, NOT_HERE));
  };
  tenants.forEach(({ limits, functions }, index) => {
    check(limits.memoryBytes, ['tenants', index, 'limits', 'memoryBytes']);
    check(limits.stackBytes, ['tenants', index, 'limits', 'stackBytes']);
    check(limits.cpuMsPerSecond, ['tenants', index, 'limits', 'cpuMsPerSecond']);
    functions.forEach((fn, inner) => {
      const keys = ['tenants', index, 'functions', inner, 'limits', 'stackBytes'];
      if (limits.stackBytes === 0) check(fn.limits.stackBytes, keys);
    });
  });
  return problems;
}

/** Directories, for a sandbox that has none. */
export function unknownDirectories(tenants: SledgeConfig['tenants']): Problem[] {
  return tenants.flatMap(({ functions }, index) =>
    functions.flatMap(({ preopens }, inner) => {
      const keys = ['tenants', index, 'functions', inner, 'preopens'];
      return Object.keys(preopens).length === 0 ? [] : [problem(keys, NOT_HERE)];
    }),
  );
}

/** Of each limit the smaller one is in force: a function's own, or its tenant's. */
export function limitsInForce(tenant: TenantConfig['limits'], own: FunctionLimits): FunctionLimits {
  const limits = { ...own };
  for (const name of CAPS) {
    const cap = tenant[name];
    const isOpen = NONE_IS_ZERO.includes(name) && own[name] === 0;
    if (cap !== 0) limits[name] = isOpen ? cap : Math.min(cap, own[name]);
  }
  return limits;
}
