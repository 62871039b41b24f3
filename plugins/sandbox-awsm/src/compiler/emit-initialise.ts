import { functionReference, globalPlace, tablePlace } from './access';
import { constant, vectorConstant } from './c-types';
import { codeOf, importThunk } from './emit-descriptor';
import type { Layout } from './layout';
import { type ConstExpression, ValueType, type ValueTypeCode } from './model';
import { Op } from './opcodes';
import { VectorOp } from './vector-opcodes';

const GLOBAL_ITEM = 0x80000000;

/** Segments, the functions that references point to, and `initialise` and `start`. */
export function emitInitialise(layout: Layout): string {
  return [
    ...dataBlob(layout),
    ...thunks(layout),
    ...functionReferences(layout),
    ...elementArrays(layout),
    ...initialise(layout),
    ...start(layout),
    '',
  ].join('\n');
}

/** Data comes from a file beside the C, so that it costs the compiler nothing. */
function dataBlob(layout: Layout): string[] {
  if (layout.module.data.every((segment) => segment.length === 0)) {
    return ['HIDDEN const u8 module_data[1] = {0};'];
  }
  return [
    '__asm__(".section .rodata\\n.balign 16\\n.globl module_data\\n.hidden module_data\\n"',
    '".type module_data, @object\\nmodule_data:\\n.incbin \\"data.bin\\"\\n.text\\n");',
  ];
}

function thunks(layout: Layout): string[] {
  const out: string[] = [];
  for (let i = 0; i < layout.module.importedFunctions; i++) {
    if (layout.linkable || layout.referenced.has(i)) out.push(importThunk(layout, i));
  }
  return out;
}

function functionReferences(layout: Layout): string[] {
  if (layout.linkable) return [];
  const { module } = layout;
  const rows = [...layout.referenced.keys()].map((index) => {
    const type = layout.canonical[module.functions[index] as number] as number;
    return `{${codeOf(module, index)}, 0, ${String(type + 1)}u},`;
  });
  if (rows.length === 0) rows.push('{0, 0, 0}');
  return [`HIDDEN const sledge_funcref funcrefs[${String(rows.length)}] = {`, ...rows, '};'];
}

function elementArrays(layout: Layout): string[] {
  return layout.module.elements.map((segment, i) => {
    const items = segment.items.map((item) => String(itemCode(layout, item)) + 'u');
    if (items.length === 0) items.push('0');
    const head = `HIDDEN const u32 elements_${String(i)}[${String(items.length)}]`;
    return `${head} = {${items.join(',')}};`;
  });
}

/** 0 is null, then functions from 1, and with the high bit imported globals. */
function itemCode(layout: Layout, item: ConstExpression): number {
  const instruction = item.instructions[0];
  if (instruction?.op === Op.GlobalGet) return GLOBAL_ITEM + instruction.a;
  if (instruction?.op !== Op.RefFunc) return 0;
  if (layout.linkable) return instruction.a + 1;
  return (layout.referenced.get(instruction.a) as number) + 1;
}

function value(layout: Layout, expression: ConstExpression, type: ValueTypeCode): string {
  const instruction = expression.instructions[0];
  if (instruction === undefined) throw new Error('an initialiser is empty');
  switch (instruction.op) {
    case Op.GlobalGet:
      return globalPlace(layout, instruction.a);
    case Op.RefFunc:
      return functionReference(layout, instruction.a);
    case VectorOp.Const:
      return vectorConstant(instruction.list ?? []);
    default:
      return constant(type, instruction.a, instruction.b);
  }
}

function initialise(layout: Layout): string[] {
  const { module, checked } = layout;
  const out = ['static void initialise(sledge_instance *I) {', '(void)I;'];
  module.globals.forEach((global, i) => {
    if (global.init === undefined) return;
    out.push(`S->g${String(i)} = ${value(layout, global.init, global.type.type)};`);
  });
  module.elements.forEach((segment, i) => {
    const index = String(i);
    if (segment.at !== undefined) {
      const at = value(layout, segment.at, ValueType.I32);
      const count = `${String(segment.items.length)}u`;
      const isFunc = segment.type === ValueType.FuncRef ? '1' : '0';
      const place = tablePlace(layout, segment.table);
      out.push(
        `table_init(I, ${place}, elements_${index}, ${count}, ${isFunc}, ${at}, 0, ${count});`,
      );
    }
    if (checked.use.elementSegments && segment.mode !== 'passive') {
      out.push(`S->elements_dropped[${index}] = 1;`);
    }
  });
  module.data.forEach((segment, i) => {
    if (segment.at === undefined) return;
    const length = `${String(segment.length)}u`;
    const data = `module_data + ${String(layout.dataOffsets[i])}u, ${length}`;
    const at = value(layout, segment.at, ValueType.I32);
    out.push(`memory_init(I, MEM, MEM_BYTES, ${data}, ${at}, 0, ${length});`);
    if (checked.use.dataSegments) out.push(`S->data_dropped[${String(i)}] = 1;`);
  });
  return [...out, '}'];
}

function start(layout: Layout): string[] {
  const index = layout.module.start?.index;
  if (index === undefined) return [];
  const code =
    index < layout.module.importedFunctions
      ? `((void (*)(sledge_instance *))I->imports[${String(index)}].code)(` +
        (layout.linkable
          ? `I->imports[${String(index)}].instance ? I->imports[${String(index)}].instance : I`
          : 'I') +
        ')'
      : `w${String(index)}(I)`;
  return [`static void start(sledge_instance *I) { ${code}; }`];
}
