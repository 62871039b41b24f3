import type { z } from 'zod';
import { describeIssues } from '../config/describe-issues';
import type { Problem } from '../config/describe-issues';
import { checkStacks, limitsInForce, slotLimits } from '../config/limits';
import { checkKeys } from '../config/security-schema';
import { functionSchema, tenantSchema } from '../config/schema';
import type { FunctionConfig, SledgeConfig } from '../config/schema';
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
  const { secrets } = tenant.functions.get(name)?.versions.get(0)?.config ?? {};
  if (secrets !== undefined) fn.secrets = secrets;
  return { ...fn, limits: limitsInForce(tenant.settings.limits, fn.limits) };
}

/** @throws SledgeError SLEDGE_ERR_CONTROL_SETTINGS. */
export function tenantInForce(
  rules: SettingsRules,
  tenants: readonly LiveTenant[],
  given: { name: string; settings: object },
): TenantSettings {
  const input = { ...given.settings, name: given.name };
  const parsed = tenantSchema.omit({ functions: true }).safeParse(input);
  if (!parsed.success) refuse(given.name, describeIssues(parsed.error.issues, input, tenantSchema));
  const settings = parsed.data;
  const problems = limitProblems(rules, { ...settings, functions: [] });
  const groups = rules.config.workers.groups?.map((group) => group.name) ?? [];
  if (settings.workerGroup !== undefined && !groups.includes(settings.workerGroup)) {
    problems.push(plain('workerGroup', `there is none of ${settings.workerGroup}`));
  }
  const taken = tenants.find((one) => one.name !== given.name && isSamePort(one, settings));
  if (taken !== undefined) {
    problems.push(plain('port', `${settings.port ?? ''} is that of the tenant ${taken.name}`));
  }
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
  return problems;
}

function isSamePort({ settings }: LiveTenant, { port, host }: TenantSettings): boolean {
  if (port === undefined || port === 0 || settings.port !== port) return false;
  return settings.host === host || settings.host === undefined || host === undefined;
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

/** With other functions of the tenant. */
function collisions(tenant: LiveTenant, fn: FunctionConfig): Problem[] {
  for (const other of tenant.handles()) {
    if (other.name === fn.name) continue;
    if (fn.requestType !== undefined && other.requestType === fn.requestType) {
      return [plain('requestType', `${fn.requestType} is that of ${other.name}`)];
    }
    if (fn.route === undefined || other.route === undefined) continue;
    if (trimmed(fn.route) !== trimmed(other.route)) continue;
    const methods = other.methods ?? DEFAULT_METHODS;
    const both = (fn.methods ?? DEFAULT_METHODS).find((method) => methods.includes(method));
    if (both !== undefined) {
      return [plain('route', `${both} ${fn.route} is answered by ${other.name}`)];
    }
  }
  return [];
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
