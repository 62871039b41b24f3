import type { PluginKind } from '../contracts/plugin';
import { policyProblem } from '../policies/hosted-policy';

/** Members that the host calls or reads, by kind: a function, or a non-empty text. */
const MEMBERS: Partial<Record<PluginKind, Readonly<Record<string, 'function' | 'string'>>>> = {
  transport: { start: 'function', drain: 'function', stop: 'function', listeners: 'function' },
  sandbox: { build: 'function', workers: 'string' },
  placement: { place: 'function' },
  registry: {
    node: 'string',
    ...{ start: 'function', stop: 'function', state: 'function', watch: 'function' },
    ...{ get: 'function', put: 'function', putModule: 'function', getModule: 'function' },
    ...{ keepModules: 'function', announce: 'function', nodes: 'function' },
  },
};

const POLICIES: readonly PluginKind[] = ['scheduler', 'dispatcher', 'estimator', 'admission'];

/** What is wrong with what `create` returned, in words; undefined when nothing is. */
export function instanceProblem(kind: PluginKind, instance: unknown): string | undefined {
  if (typeof instance !== 'object' || instance === null) return 'create returned no object.';
  const fields = instance as Readonly<Record<string, unknown>>;
  for (const [name, type] of Object.entries(MEMBERS[kind] ?? {})) {
    if (typeof fields[name] !== type) return `its instance has no ${type} ${name}.`;
  }
  if (kind !== 'host' && !POLICIES.includes(kind)) return undefined;
  const native = fields.native as Readonly<Record<string, unknown>> | undefined;
  if (typeof native?.library === 'string') return undefined;
  if (native === undefined && (kind === 'dispatcher' || kind === 'scheduler')) {
    const problem = policyProblem(kind, instance);
    return problem === undefined
      ? undefined
      : `its instance has no native.library, and ${problem}.`;
  }
  return 'its instance has no native.library.';
}
