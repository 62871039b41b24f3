import type { z } from 'zod';
import { describeIssues } from '../config/describe-issues';
import type { Problem } from '../config/describe-issues';
import { portConflict } from '../config/check-tenants';
import { checkBudgets, checkStacks, limitsInForce, slotLimits } from '../config/limits';
import { checkKeys } from '../config/security-schema';
import { functionSchema, tenantSchema } from '../config/schema';
import type { FunctionConfig, SledgeConfig } from '../config/schema';
import type { FunctionHandle } from '../contracts/invocation';
import { SledgeError } from '../errors/sledge-error';
import type { LiveTenant, TenantSettings } from '../functions/live-tenant';

/** Settings of a function that is deployed: those of the configuration but for name and path. */
export type FunctionSettings = Omit<z.input<typeof functionSchema>, 'name' | 'path'>;

export interface SettingsRules {
  readonly config: Pick<SledgeConfig, 'arena' | 'workers' | 'tls'>;
  /** Slots hold every limit; other sandboxes do not. */
  readonly hasSlots: boolean;
}

/**
 * What is in force of a function's settings: with defaults, within its tenant's limits.
 * @param path shown where a file would be named. @throws SledgeError SLEDGE_ERR_CONTROL_SETTINGS.
 */
export function functionInForce(
  rules: SettingsRules,
  tenant: LiveTenant,
  given: { name: string; path: string; settings: object },
): FunctionConfig {
  const { name, path, settings } = given;
  const input = { ...settings, name, path };
  const parsed = functionSchema.safeParse(input);
  if (!parsed.success) refuse(name, describeIssues(parsed.error.issues, input, functionSchema));
  const fn = parsed.data;
  const problems = [...limitProblems(rules, { ...tenant.settings, functions: [fn] })];
  const groups = rules.config.workers.groups?.map((group) => group.name) ?? [];
  if (fn.workerGroup !== undefined && !groups.includes(fn.workerGroup)) {
    problems.push(plain('workerGroup', `there is none of ${fn.workerGroup}`));
  }
  problems.push(...collisions(tenant, fn), ...securityProblems(tenant, fn));
  if (problems.length > 0) refuse(name, problems);
  // a version of a function of the configuration has what that names
  const { secrets, preopens } = tenant.functions.get(name)?.versions.get(0)?.config ?? {};
  if (secrets !== undefined) fn.secrets = secrets;
  if (preopens !== undefined) fn.preopens = preopens;
  return { ...fn, limits: limitsInForce(tenant.settings.limits, fn.limits) };
}

/** @throws SledgeError SLEDGE_ERR_CONTROL_SETTINGS. */
export function tenantInForce(
  rules: SettingsRules,
  tenants: readonly LiveTenant[],
  given: { name: string; settings: object },
): TenantSettings {
  const input = { ...given.settings, name: given.name };
  const schema = tenantSchema.omit({ functions: true });
  const parsed = schema.safeParse(input);
  if (!parsed.success) refuse(given.name, describeIssues(parsed.error.issues, input, schema));
  const settings = parsed.data;
  const problems = limitProblems(rules, { ...settings, functions: [] });
  const groups = rules.config.workers.groups?.map((group) => group.name) ?? [];
  if (settings.workerGroup !== undefined && !groups.includes(settings.workerGroup)) {
    problems.push(plain('workerGroup', `there is none of ${settings.workerGroup}`));
  }
  const others = tenants.filter(({ name }) => name !== given.name).map((one) => one.settings);
  for (const other of others) {
    const taken = portConflict(settings, other, `the tenant ${other.name}`);
    if (taken !== undefined) problems.push(plain('port', taken));
  }
  const all = [...others, settings].map((one) => ({ ...one, functions: [] }));
  const beyond = checkBudgets({ workers: rules.config.workers, tenants: all });
  problems.push(...beyond.slice(0, 1).map(({ message }) => plain('budget', message)));
  for (const key of ['tls', 'keysFile'] as const) {
    if (settings[key] !== undefined) problems.push(plain(key, ONLY_CONFIG));
  }
  if (problems.length > 0) refuse(given.name, problems);
  return { ...settings, tls: rules.config.tls };
}

/** Who may deploy need not be allowed to read what the server's user may read. */
const ONLY_CONFIG = 'only the configuration names files of this machine';

function securityProblems({ settings }: LiveTenant, fn: FunctionConfig): Problem[] {
  const problems = checkKeys([{ ...settings, functions: [fn] }]);
  if (fn.secrets !== undefined) problems.push(plain('secrets', ONLY_CONFIG));
  if (Object.keys(fn.preopens).length > 0) problems.push(plain('preopens', ONLY_CONFIG));
  return problems;
}

function limitProblems(
  { config, hasSlots }: SettingsRules,
  tenant: SledgeConfig['tenants'][number],
): Problem[] {
  const tenants = [tenant];
  return [
    ...checkStacks({ arena: config.arena, tenants }),
    ...(hasSlots ? [] : slotLimits(tenants)),
  ];
}

/** With other functions of the tenant; none where it stays where it is. */
function collisions(tenant: LiveTenant, fn: FunctionConfig): Problem[] {
  const own = tenant.functions.get(fn.name)?.handle;
  if (own !== undefined && samePlace(own, fn)) return [];
  const route = fn.route === undefined ? undefined : trimmed(fn.route);
  for (const other of tenant.handles()) {
    if (other.name === fn.name) continue;
    if (fn.requestType !== undefined && other.requestType === fn.requestType) {
      return [plain('requestType', `${fn.requestType} is that of ${other.name}`)];
    }
    if (route === undefined || other.route?.startsWith(route) !== true) continue;
    if (trimmed(other.route) !== route) continue;
    const methods = other.methods ?? DEFAULT_METHODS;
    const both = (fn.methods ?? DEFAULT_METHODS).find((method) => methods.includes(method));
    if (both !== undefined) {
      return [plain('route', `${both} ${fn.route} is answered by ${other.name}`)];
    }
  }
  return [];
}

function samePlace(one: FunctionHandle, other: FunctionConfig): boolean {
  const place = ({ route, requestType, methods }: FunctionHandle | FunctionConfig) =>
    JSON.stringify([route, requestType, methods]);
  return place(one) === place(other);
}

const DEFAULT_METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

function trimmed(route: string): string {
  return route.replace(/\/+$/, '');
}

function plain(path: string, message: string): Problem {
  return { keys: [path], aboutKey: false, path, message };
}

function refuse(name: string, problems: readonly Problem[]): never {
  const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
  const details = { name, problems: lines.join('\n') };
  throw new SledgeError('SLEDGE_ERR_CONTROL_SETTINGS', details);
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const ELF = [0x7f, 0x45, 0x4c, 0x46];

/** Native code never comes in. @throws SledgeError SLEDGE_ERR_CONTROL_NOT_WASM, _TOO_LARGE. */
export function checkModule(wasm: Uint8Array, limitBytes: number): void {
  if (wasm.length > limitBytes) {
    throw new SledgeError('SLEDGE_ERR_CONTROL_TOO_LARGE', { limitBytes });
  }
  const begins = (with_: readonly number[]): boolean =>
    with_.every((byte, at) => wasm[at] === byte);
  if (begins(MAGIC)) return;
  const reason = begins(ELF) ? 'it is native code (ELF)' : 'it does not begin with \\0asm';
  throw new SledgeError('SLEDGE_ERR_CONTROL_NOT_WASM', { reason });
}
