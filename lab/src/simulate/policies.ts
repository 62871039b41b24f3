import { definePlugin, SledgeError, z } from '@sledge/core';
import type { HostedPolicy, NativePolicySpec, PluginKind } from '@sledge/core';
import { inspectPlugin, loadPlugins, policyForm, reasonOf } from '@sledge/core/host';
import type { LoadedPlugin, PluginReference, PolicyUnderTest } from '@sledge/core/host';
import type { PolicyForm } from './cell';

/** A policy's name, package or path, with options; as in a configuration. */
export type PolicyChoice = string | readonly [source: string, options: unknown];

/** Which policies a machine has. 'none' for the last two: there is none. */
export interface PolicyChoices {
  readonly dispatcher: PolicyChoice;
  readonly scheduler: PolicyChoice;
  readonly estimator?: PolicyChoice | undefined;
  readonly admission?: PolicyChoice | undefined;
}

export interface Policies {
  readonly dispatcher: PolicyForm;
  readonly scheduler: PolicyForm;
  readonly estimator?: PolicyForm | undefined;
  readonly admission?: PolicyForm | undefined;
}

const KINDS = ['dispatcher', 'scheduler', 'estimator', 'admission'] as const;
type Kind = (typeof KINDS)[number];

/** Stands for the simulated machine where capabilities are checked; it is never created. */
const MACHINE: PluginReference = {
  place: 'simulated machine',
  kind: 'workload',
  source: definePlugin({
    name: 'simulated-machine',
    kind: 'workload',
    apiVersion: 1,
    options: z.strictObject({}),
    provides: ['preemption'],
    create() {
      throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason: 'a machine is no workload' });
    },
  }),
  options: undefined,
};

/**
 * Loads and checks policies as the server does, capabilities included.
 * @param folder where relative paths start
 * @throws SledgeError SLEDGE_ERR_PLUGIN_...
 */
export function loadPolicies(choices: PolicyChoices, folder: string, seed = 1): Policies {
  const references: PluginReference[] = [];
  for (const kind of KINDS) {
    const choice = choices[kind];
    if (choice === undefined || choice === 'none') continue;
    const [source, options] = typeof choice === 'string' ? [choice, undefined] : choice;
    references.push({ place: kind, kind, source, options });
  }
  const forms = new Map<PluginKind, PolicyForm>();
  for (const [at, plugin] of loadPlugins([...references, MACHINE], folder).entries()) {
    if (at === references.length) break;
    forms.set(plugin.definition.kind, formOf(plugin, references[at]?.options, seed));
  }
  const optional = (kind: Kind) => forms.get(kind);
  return {
    dispatcher: forms.get('dispatcher') as PolicyForm,
    scheduler: forms.get('scheduler') as PolicyForm,
    estimator: optional('estimator'),
    admission: optional('admission'),
  };
}

function formOf({ definition, file }: LoadedPlugin, options: unknown, seed: number): PolicyForm {
  const { name } = definition;
  const form = make(
    { plugin: definition, options: options ?? {} } as unknown as PolicyUnderTest,
    seed,
  );
  if ('library' in form) return { name, native: form };
  return { name, kind: form.kind, file: file ?? '', options };
}

/** What the native part takes, made on this thread. */
export function openForm(form: PolicyForm, seed: number): NativePolicySpec | HostedPolicy {
  if ('native' in form) return form.native;
  const { kind, file, options } = form;
  const { definition } = inspectPlugin({ place: kind, kind, source: file, options }, '/');
  return make({ plugin: definition, options: options ?? {} } as unknown as PolicyUnderTest, seed);
}

function make(policy: PolicyUnderTest, seed: number): NativePolicySpec | HostedPolicy {
  try {
    return policyForm(policy, seed);
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    const details = { plugin: policy.plugin.name, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', details, { cause: error });
  }
}
