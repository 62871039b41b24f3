import { installedPlugins } from '../plugins/plugin-names';
import { POLICY_KINDS } from './policy-kinds';
import type { PolicyKind } from './policy-kinds';

/** Policies that a configuration in `folder` may name by their short names, sorted. */
export function installedPolicies(folder: string): { kind: PolicyKind; name: string }[] {
  return installedPlugins([folder, __dirname]).flatMap(({ kind, shortName }) => {
    const policy = POLICY_KINDS.find((one) => one === kind);
    return policy === undefined ? [] : [{ kind: policy, name: shortName }];
  });
}
