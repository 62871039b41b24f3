import { availableParallelism } from 'node:os';
import { definePlugin, SledgeError, z } from '@sledge/core';
import { ModuleBuilder } from './compiler/build';

import { type CopiesOptions, type ModuleCopy, writeCopies } from './copies';

export type { CopiesOptions, ModuleCopy };

const MIB = 1024 * 1024;

const limits = z
  .strictObject({
    /** CPU time of one compiler process. */
    cpuSeconds: z.number().int().min(1).max(36_000).default(600),
    /** Address space of one compiler process. */
    memoryBytes: z
      .number()
      .int()
      .min(64 * MIB)
      .default(4096 * MIB),
    /** Heap of the thread that makes C of a module: some fifty times as large as its code. */
    heapBytes: z
      .number()
      .int()
      .min(64 * MIB)
      .default(2048 * MIB),
    /** Largest file that the compiler may write. */
    fileBytes: z
      .number()
      .int()
      .min(MIB)
      .default(1024 * MIB),
    /** Elapsed time of one compiler process. */
    wallSeconds: z.number().int().min(1).max(36_000).default(1200),
  })
  .prefault({});

const options = z.strictObject({
  /** Path or name of the C compiler; without it clang, or else gcc. */
  compiler: z.string().min(1).optional(),
  optimisation: z.enum(['O1', 'O2', 'O3']).default('O3'),
  /** NaN payloads exactly as every operation of the specification allows; slower code. */
  strictFloat: z.boolean().default(false),
  /**
   * 'flag': the code looks at its instance's pending flag often enough to be preempted. 'tsc':
   * and now and then at the time-stamp counter, so that a quantum needs no timer. 'auto': what the
   * mechanism of preemption needs.
   */
  safepoints: z.enum(['auto', 'flag', 'tsc', 'off']).default('auto'),
  /** Modules may share memory, tables and globals; for the conformance tests. */
  linkable: z.boolean().default(false),
  /** Compiler processes at any moment; default: one per core. */
  jobs: z.number().int().min(1).max(256).optional(),
  limits,
});

export type SandboxAwsmOptions = z.input<typeof options>;

function moduleBuilder({ jobs, ...rest }: z.output<typeof options>): ModuleBuilder {
  return new ModuleBuilder({ ...rest, jobs: jobs ?? availableParallelism() });
}

/** See `writeCopies`; with the options of the plugin as by default. */
export function writeModuleCopies(of: CopiesOptions): Promise<ModuleCopy[]> {
  return writeCopies(moduleBuilder(options.parse({})), of);
}

/** Ahead-of-time compiled sandboxes: .wasm to native code by way of C. */
export default definePlugin({
  name: 'sandbox-awsm',
  kind: 'sandbox',
  apiVersion: 1,
  options,
  provides: ['preemption', 'host-calls'],
  create(given) {
    if (process.arch !== 'x64') {
      throw new SledgeError('SLEDGE_ERR_NATIVE_ARCHITECTURE', { arch: process.arch });
    }
    const builder = moduleBuilder(given);
    return { workers: 'native' as const, build: (request) => builder.build(request) };
  },
});
