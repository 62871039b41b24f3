import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildRequest, SandboxInstance } from '@sledge/core';
import sandboxAwsm, { type SandboxAwsmOptions } from '@sledge/sandbox-awsm';
import { readModule, type SuiteCommand, type SuiteScript } from './suite';

export interface BuilderChoice {
  readonly strictFloat: boolean;
  readonly safepoints: 'flag' | 'off';
  /** Undefined: the one that production takes. */
  readonly compiler?: string | undefined;
  readonly level: BuildRequest['level'];
  readonly cacheDirectory: string;
}

type Builder = Pick<SandboxInstance, 'build'>;

/** Builds modules as a server does; those that share state with others as linkable ones. */
export class SuiteModules {
  private readonly plain: Builder;
  private readonly linkable: Builder;

  constructor(private readonly choice: BuilderChoice) {
    const { strictFloat, safepoints, compiler } = choice;
    const options = { strictFloat, safepoints, ...(compiler === undefined ? {} : { compiler }) };
    this.plain = makeBuilder(options);
    this.linkable = makeBuilder({ ...options, linkable: true });
  }

  /** Path of the built module. Throws the SledgeError of the compiler. */
  async build(name: string, wasm: Uint8Array, linkable: boolean): Promise<string> {
    const builder = linkable ? this.linkable : this.plain;
    const { cacheDirectory, level } = this.choice;
    const request = { name, wasm, cacheDirectory, level };
    return (await builder.build(request)).artifactPath;
  }

  async spectest(directory: string): Promise<string> {
    const wasm = join(directory, 'spectest.wasm');
    execFileSync('wat2wasm', [join(__dirname, 'spectest.wat'), '-o', wasm]);
    return this.build('spectest', readFileSync(wasm), true);
  }
}

function makeBuilder(options: SandboxAwsmOptions): Builder {
  const parsed = sandboxAwsm.options.parse(options);
  return sandboxAwsm.create(parsed, {} as never) as Builder;
}

/** The commands whose module another module of the script may import from. */
export function sharedModules(script: SuiteScript): ReadonlySet<SuiteCommand> {
  const shared = new Set<SuiteCommand>();
  const named = new Map<string, SuiteCommand>();
  let last: SuiteCommand | undefined;
  for (const command of script.commands) {
    if (command.type === 'module') {
      last = command;
      if (command.name !== undefined) named.set(command.name, command);
    } else if (command.type === 'register') {
      const target = command.name === undefined ? last : named.get(command.name);
      if (target !== undefined) shared.add(target);
    }
  }
  return shared;
}

/** Functions of spectest keep no state: a module that imports only those needs no linking. */
export function importsState(script: SuiteScript, command: SuiteCommand): boolean {
  const module = new WebAssembly.Module(readModule(script, command));
  return WebAssembly.Module.imports(module).some(
    (entry) => entry.kind !== 'function' || entry.module !== 'spectest',
  );
}

/** For each import, the module and name that it asks for. */
export function importsOf(wasm: Uint8Array<ArrayBuffer>): { module: string; name: string }[] {
  return WebAssembly.Module.imports(new WebAssembly.Module(wasm));
}
