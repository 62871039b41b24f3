import { decodeBody } from './decode-code';
import { type FunctionSummary, summarise } from './call-graph';
import type { WasmModule, Instruction } from './model';
import { Op } from './opcodes';
import { functionType, validateModule, type DeclaredReferences } from './validate-module';
import { FunctionValidator } from './validate-function';

/** What all bodies together use; decides what state and tables a module needs. */
export interface ModuleUse {
  dataSegments: boolean;
  elementSegments: boolean;
  /** Tables that instructions write, and those that they grow. */
  readonly writtenTables: Set<number>;
  readonly grownTables: Set<number>;
}

export interface CheckedModule {
  readonly module: WasmModule;
  readonly declared: DeclaredReferences;
  readonly use: ModuleUse;
  /** One for each body. */
  readonly summaries: readonly FunctionSummary[];
}

/** Validates a decoded module, bodies included. Throws the first WasmProblem. */
export function checkModule(module: WasmModule): CheckedModule {
  const declared = validateModule(module);
  const use: ModuleUse = {
    dataSegments: false,
    elementSegments: false,
    writtenTables: new Set(),
    grownTables: new Set(),
  };
  const summaries = module.bodies.map((body, i) => {
    const index = module.importedFunctions + i;
    const type = functionType(module, index);
    const instructions = decodeBody(module, body);
    const validator = new FunctionValidator(module, declared, type, body);
    for (const instruction of instructions) {
      validator.step(instruction);
      noteUse(use, instruction);
    }
    return summarise(instructions);
  });
  return { module, declared, use, summaries };
}

function noteUse(use: ModuleUse, instruction: Instruction): void {
  switch (instruction.op) {
    case Op.MemoryInit:
    case Op.DataDrop:
      use.dataSegments = true;
      return;
    case Op.ElemDrop:
      use.elementSegments = true;
      return;
    case Op.TableInit:
      use.elementSegments = true;
      use.writtenTables.add(instruction.b);
      return;
    case Op.TableSet:
    case Op.TableCopy:
    case Op.TableFill:
      use.writtenTables.add(instruction.a);
      return;
    case Op.TableGrow:
      use.writtenTables.add(instruction.a);
      use.grownTables.add(instruction.a);
      return;
  }
}
