import type { NativeTestStore } from '@sledge/core';
import { SledgeError } from '@sledge/core';
import { importsOf, importsState, sharedModules, type SuiteModules } from './modules';
import { readModule, type SuiteAction, type SuiteCommand, type SuiteScript } from './suite';
import { isTrap, matches, toBits } from './values';

export interface Failure {
  readonly line: number;
  readonly type: string;
  readonly reason: string;
}

export interface ScriptResult {
  /** Returns, traps, exhaustions and failed instantiations that were run. */
  executed: number;
  /** Modules that had to be refused: malformed, invalid, unlinkable. */
  refused: number;
  /** Text that wast2json itself must refuse: nothing for us to run. */
  text: number;
  readonly failures: Failure[];
}

interface Instance {
  readonly id: number;
}

type Built = string | SledgeError;

/** Runs all commands of a script through the compiler and real slots. */
export class ScriptRunner {
  private readonly named = new Map<string, Instance>();
  private readonly registered = new Map<string, Instance>();
  private readonly built = new Map<SuiteCommand, Promise<Built>>();
  private last: Instance | undefined;
  readonly result: ScriptResult = { executed: 0, refused: 0, text: 0, failures: [] };

  constructor(
    private readonly script: SuiteScript,
    private readonly modules: SuiteModules,
    private readonly store: NativeTestStore,
  ) {}

  async run(spectestPath: string): Promise<ScriptResult> {
    this.buildAll();
    this.registered.set('spectest', { id: this.store.instantiate(spectestPath, []) });
    for (const command of this.script.commands) {
      const reason = await this.command(command);
      if (reason === undefined) continue;
      this.result.failures.push({ line: command.line, type: command.type, reason });
    }
    return this.result;
  }

  private buildAll(): void {
    const shared = sharedModules(this.script);
    for (const command of this.script.commands) {
      if (command.filename === undefined || command.module_type === 'text') continue;
      const mayBeBroken = /^assert_(invalid|malformed)$/.test(command.type);
      const linkable = !mayBeBroken && (shared.has(command) || importsState(this.script, command));
      const wasm = readModule(this.script, command);
      const built = this.modules.build(command.filename, wasm, linkable).catch(asBuildError);
      this.built.set(command, built);
    }
  }

  /** Why the command failed; undefined when it did not. */
  private async command(command: SuiteCommand): Promise<string | undefined> {
    switch (command.type) {
      case 'module':
        return this.module(command);
      case 'register':
        return this.register(command);
      case 'action':
        return this.expectReturn(command, false);
      case 'assert_return':
        return this.expectReturn(command, true);
      case 'assert_trap':
      case 'assert_exhaustion':
        return this.expectTrap(command);
      case 'assert_uninstantiable':
        return this.expectUninstantiable(command);
      case 'assert_unlinkable':
        return this.expectUnlinkable(command);
      case 'assert_invalid':
      case 'assert_malformed':
        return this.expectRefused(command);
      default:
        return `unknown command ${command.type}`;
    }
  }

  private async module(command: SuiteCommand): Promise<string | undefined> {
    const id = await this.instantiate(command);
    if (typeof id === 'string') return id;
    if (id < 0) return `trapped with ${id}`;
    this.last = { id };
    if (command.name !== undefined) this.named.set(command.name, this.last);
    return undefined;
  }

  /** An instance id, minus the trap, or why it could not be built or linked. */
  private async instantiate(command: SuiteCommand): Promise<number | string> {
    const path = await this.built.get(command);
    if (path === undefined) return 'not built';
    if (typeof path !== 'string') return path.message;
    const imports = importsOf(readModule(this.script, command)).map((entry) => {
      const from = this.registered.get(entry.module);
      return from === undefined ? null : { instance: from.id, name: entry.name };
    });
    try {
      return this.store.instantiate(path, imports);
    } catch (error) {
      return `${(error as { code?: string }).code ?? ''} ${(error as Error).message}`;
    }
  }

  private register(command: SuiteCommand): string | undefined {
    const instance = command.name === undefined ? this.last : this.named.get(command.name);
    if (instance === undefined || command.as === undefined) return 'nothing to register';
    this.registered.set(command.as, instance);
    return undefined;
  }

  private act(action: SuiteAction | undefined): readonly bigint[] | number {
    if (action === undefined) throw new Error('no action');
    const instance = action.module === undefined ? this.last : this.named.get(action.module);
    if (instance === undefined) throw new Error('no such module');
    if (action.type === 'get') return [this.store.getGlobal(instance.id, action.field)];
    return this.store.invoke(instance.id, action.field, (action.args ?? []).map(toBits));
  }

  private expectReturn(command: SuiteCommand, counts: boolean): string | undefined {
    if (counts) this.result.executed++;
    const results = this.act(command.action);
    if (typeof results === 'number') return `trapped with ${results}`;
    const expected = command.expected ?? [];
    if (!counts) return undefined;
    const same =
      results.length === expected.length &&
      expected.every((value, i) => matches(value, results[i] as bigint));
    if (same) return undefined;
    const actual = results.map((value) => `0x${value.toString(16)}`).join(', ');
    return `got ${actual}, expected ${JSON.stringify(expected)}`;
  }

  private expectTrap(command: SuiteCommand): string | undefined {
    this.result.executed++;
    const results = this.act(command.action);
    if (typeof results !== 'number') return 'returned';
    if (isTrap(results, command.text ?? '')) return undefined;
    return `trapped with ${results}, expected ${command.text ?? ''}`;
  }

  private async expectUninstantiable(command: SuiteCommand): Promise<string | undefined> {
    this.result.executed++;
    const id = await this.instantiate(command);
    if (typeof id === 'string') return id;
    if (id >= 0) return 'was instantiated';
    if (isTrap(-id, command.text ?? '')) return undefined;
    return `trapped with ${-id}, expected ${command.text ?? ''}`;
  }

  private async expectUnlinkable(command: SuiteCommand): Promise<string | undefined> {
    this.result.refused++;
    const id = await this.instantiate(command);
    if (typeof id === 'number') return 'was linked';
    return id.startsWith('SLEDGE_ERR_MODULE_IMPORT') ? undefined : id;
  }

  private async expectRefused(command: SuiteCommand): Promise<string | undefined> {
    if (command.module_type === 'text') {
      this.result.text++;
      return undefined;
    }
    this.result.refused++;
    const path = await this.built.get(command);
    if (path === undefined || typeof path === 'string') return 'was accepted';
    const wanted =
      command.type === 'assert_invalid' ? 'SLEDGE_ERR_BUILD_INVALID' : 'SLEDGE_ERR_BUILD_MALFORMED';
    return path.code === wanted ? undefined : `${path.code}: ${path.message}`;
  }
}

function asBuildError(error: unknown): SledgeError {
  if (error instanceof SledgeError) return error;
  throw error;
}
