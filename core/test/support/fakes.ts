import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type {
  DataPlane,
  DataPlaneFactory,
  DataPlaneFunction,
  InvocationRequest,
  OutcomeCallback,
  PluginDefinition,
  PluginKind,
} from '../../src';
import { definePlugin } from '../../src';

type Journal = string[];

/** A plugin that writes each step of its life into the journal. */
export function journalPlugin(
  name: string,
  kind: PluginKind,
  journal: Journal,
  steps: Partial<Record<'create' | 'start' | 'drain' | 'stop', () => unknown>> = {},
): PluginDefinition {
  const step = (which: keyof typeof steps) => async () => {
    journal.push(`${which} ${name}`);
    await steps[which]?.();
  };
  return {
    name,
    kind,
    apiVersion: 1,
    options: z.strictObject({}),
    async create() {
      await step('create')();
      return {
        start: step('start'),
        drain: step('drain'),
        stop: step('stop'),
        listeners: () => [{ transport: name, tenant: 'a', url: `test://${name}` }],
        native: { library: `/nowhere/${name}.so`, options: {} },
        workers: 'native',
        build: () => Promise.resolve(builtAs(name)),
      };
    },
  };
}

function builtAs(name: string) {
  return { artifactPath: `/nowhere/${name}`, contentHash: '00', cached: false, durationMs: 1 };
}

/** A sandbox plugin whose build does what the test says. */
export function fakeSandbox(build: (name: string) => Promise<void> = () => Promise.resolve()) {
  return definePlugin({
    name: 'fake-sandbox',
    kind: 'sandbox',
    apiVersion: 1,
    options: z.strictObject({}),
    create: () => ({
      workers: 'native' as const,
      build: async (request) => {
        await build(request.name);
        return builtAs(request.name);
      },
    }),
  });
}

/** A data plane that answers with its argv; `hold` keeps invocations until `release`. */
export class FakeDataPlane implements DataPlane {
  readonly functions: DataPlaneFunction[] = [];
  readonly held: (() => void)[] = [];
  isStopped = false;
  inFlight = 0;

  constructor(private readonly hold = false) {}

  addFunction(spec: DataPlaneFunction): number {
    return this.functions.push(spec) - 1;
  }

  removeFunction(): void {
    this.functions.pop();
  }

  submit(fn: number, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    this.inFlight += 1;
    const output = Buffer.from(`${this.functions[fn]?.name} ${request.args.join(' ')}`);
    const times = { queueNs: 1, runNs: 2, totalNs: 3 };
    const finish = (): void => {
      this.inFlight -= 1;
      onOutcome({ status: 'completed', exitCode: 0, output, times });
    };
    if (this.hold) this.held.push(finish);
    else setImmediate(finish);
    return this.held.length;
  }

  cancel(): void {
    this.held.shift()?.();
  }

  stats(): Record<string, number> {
    return { functions: this.functions.length };
  }

  functionStats(fn: number): Record<string, number> {
    return { functions: fn };
  }

  async drain(limitMs: number): Promise<void> {
    const limit = performance.now() + limitMs;
    while (this.inFlight > 0 && performance.now() < limit) await delay(1);
    for (const finish of this.held.splice(0)) finish();
  }

  stop(): Promise<void> {
    this.isStopped = true;
    for (const finish of this.held.splice(0)) finish();
    return Promise.resolve();
  }
}

export function factoryOf(plane: FakeDataPlane): DataPlaneFactory {
  return () => plane;
}
