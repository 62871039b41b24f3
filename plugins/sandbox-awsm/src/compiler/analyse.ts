import { decodeBody } from './decode-code';
import { type FunctionSummary, summarise } from './call-graph';
import { type WasmModule, type Instruction, ValueType } from './model';
import { Op } from './opcodes';
import { functionType, validateModule, type DeclaredReferences } from './validate-module';
import { FunctionValidator } from './validate-function';
import { VectorOp } from './vector-opcodes';

/** What all bodies together use; decides what state and tables a module needs. */
export interface ModuleUse {
  /** Values of type v128, or instructions on them, stand anywhere. */
  vectors: boolean;
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
    vectors: declaresVectors(module),
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

function declaresVectors(module: WasmModule): boolean {
  const { V128 } = ValueType;
  return (
    module.types.some((type) => [...type.params, ...type.results].includes(V128)) ||
    module.globals.some((global) => global.type.type === V128) ||
    module.bodies.some((body) => body.locals.some((group) => group.type === V128))
  );
}

function noteUse(use: ModuleUse, instruction: Instruction): void {
  if (instruction.op >= VectorOp.First) {
    use.vectors = true;
    return;
  }
  switch (instruction.op) {
    case Op.Block:
    case Op.Loop:
    case Op.If:
      if (instruction.a === ValueType.V128 - 128) use.vectors = true;
      return;
    case Op.SelectTyped:
      if (instruction.list?.includes(ValueType.V128) === true) use.vectors = true;
      return;
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
