import 'reflect-metadata';
import { parentPort, workerData } from 'node:worker_threads';
import type { NativeBinding, NativePolicySpec } from '../contracts/native';
import type { Dispatcher, Scheduler } from '../contracts/policy';
import { reasonOf } from '../errors/reason';
import { loadUserModule } from '../plugins/load-user-module';
import { checkIdentity } from '../plugins/validate-plugin';
import { hostPolicy } from './hosted-policy';
import { policyContext } from './policy-context';
import type { PolicyThreadData, PolicyThreadMessage, ScriptPolicySpec } from './thread-data';

/** One turn; between turns the thread can be told to end. */
const TURN_MS = 50;

/** The policy thread: makes the policies, then drives until they fail or are replaced. */
function main(): void {
  const data = workerData as PolicyThreadData;
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const binding = require(data.bindingPath) as NativeBinding;
    const { dispatcher, scheduler, seed, ...rest } = data;
    const thread = new binding.PolicyThread(data.handle, {
      ...rest,
      dispatcher: made('dispatcher', dispatcher, seed),
      scheduler: made('scheduler', scheduler, seed),
    });
    say({ isReady: true });
    const turn = (): void => {
      if (thread.run(TURN_MS)) setImmediate(turn);
    };
    turn();
  } catch (error) {
    say({ problem: reasonOf(error), code: (error as { code?: unknown }).code });
  }
}

function made(
  kind: 'dispatcher' | 'scheduler',
  policy: NativePolicySpec | ScriptPolicySpec,
  seed: number,
) {
  if ('library' in policy) return policy;
  const { file, options } = policy;
  const definition = checkIdentity({ value: loadUserModule(file), label: file, file });
  const instance: unknown = definition.create(options, policyContext(definition.name, seed));
  if (instance instanceof Promise) throw new TypeError('create of a policy must be synchronous');
  return hostPolicy(definition.name, kind, instance as Dispatcher | Scheduler);
}

function say(message: PolicyThreadMessage): void {
  parentPort?.postMessage(message);
}

main();
