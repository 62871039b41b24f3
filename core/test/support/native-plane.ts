import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import awsm from '@sledge/sandbox-awsm';
import type { DataPlaneFunction, DataPlaneOptions } from '../../src/contracts/data-plane';
import type { InvocationRequest, Outcome } from '../../src/contracts/invocation';
import type { PluginContext } from '../../src/contracts/plugin';
import { createDataPlane, type NativePlane } from '../../src/data-plane';

const ROOT = join(__dirname, '../../..');
const CACHE = join(tmpdir(), 'sledge-data-plane-test-cache');

export function policyLibrary(name: string): string {
  return join(ROOT, 'build/native/plugins', name, `${name}.so`);
}

/** Builds one of the sample functions. @returns the path of the artifact. */
export async function artifact(name: string): Promise<string> {
  const sandbox = await awsm.create(awsm.options.parse({}), {} as PluginContext);
  const wasm = readFileSync(join(ROOT, 'functions', `${name}.wasm`));
  const built = await sandbox.build({ wasm, name, cacheDirectory: CACHE, level: 'production' });
  return built.artifactPath;
}

export function planeOptions(options: Partial<DataPlaneOptions> = {}): DataPlaneOptions {
  return {
    workerCount: 1,
    workerCores: [],
    workers: 'native',
    idle: 'adaptive',
    spinUs: 20,
    arenaSlots: 64,
    stackBytes: 262_144,
    maxInvocations: 1024,
    maxQueuePerWorker: 1024,
    dispatcher: { library: policyLibrary('dispatch-global-queue'), options: {} },
    scheduler: { library: policyLibrary('sched-fifo'), options: {} },
    seed: 1,
    ...options,
  };
}

export function functionSpec(
  name: string,
  artifactPath: string,
  spec: Partial<DataPlaneFunction> = {},
): DataPlaneFunction {
  return {
    name,
    tenant: 0,
    artifactPath,
    group: 0,
    relativeDeadlineUs: undefined,
    expectedExecutionUs: undefined,
    wallTimeUs: 30_000_000,
    memoryBytes: 64 << 20,
    outputBytes: 4 << 20,
    concurrency: 0,
    queued: 0,
    ...spec,
  };
}

/** A data plane with sample functions, by name. */
export class PlaneUnderTest {
  private readonly ids = new Map<string, number>();

  constructor(readonly plane: NativePlane) {}

  static start(options: Partial<DataPlaneOptions> = {}): PlaneUnderTest {
    return new PlaneUnderTest(createDataPlane(planeOptions(options)));
  }

  async add(name: string, spec: Partial<DataPlaneFunction> = {}): Promise<number> {
    const id = this.plane.addFunction(functionSpec(name, await artifact(name), spec));
    this.ids.set(name, id);
    return id;
  }

  id(name: string): number {
    return this.ids.get(name) as number;
  }

  call(name: string, request: Partial<InvocationRequest> = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      this.plane.submit(this.id(name), { args: [], environ: [], ...request }, resolve);
    });
  }
}

export function textOf(outcome: Outcome): string {
  return Buffer.from(outcome.output).toString();
}
