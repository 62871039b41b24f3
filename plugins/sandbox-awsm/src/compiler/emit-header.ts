import { parameterTypes, resultStruct, resultStructDefinition, resultType } from './c-types';
import { INSTANCE_BYTES, type Layout } from './layout';
import { POLL_BUDGET } from './poll-costs';
import { functionType } from './validate-module';

/** What every chunk of a module's C begins with. */
export function emitHeader(layout: Layout, singleChunk: boolean): string {
  return [
    `#define SLEDGE_POLLED ${layout.options.polled ? '1' : '0'}`,
    `#define SLEDGE_READS_TIME ${layout.options.readsTime ? '1' : '0'}`,
    `#define SLEDGE_TIME_BUDGET "${String(POLL_BUDGET - 1)}"`,
    '#include "prelude.h"',
    ...(layout.checked.use.vectors ? ['#include "vector.h"'] : []),
    `#define FN ${singleChunk ? 'static' : 'HIDDEN'}`,
    ...stateLines(layout),
    ...memoryLines(layout),
    ...resultStructs(layout),
    ...prototypes(layout),
    ...segmentLines(layout),
    '',
  ].join('\n');
}

function stateLines(layout: Layout): string[] {
  return [
    'struct state {',
    'sledge_instance header;',
    ...layout.stateFields,
    '};',
    `#define STATE_BYTES ${String(layout.stateBytes)}u`,
    '#define S ((struct state *)I)',
    `_Static_assert(sizeof(sledge_instance) == ${String(INSTANCE_BYTES)}, "instance header");`,
    '_Static_assert(sizeof(struct state) == STATE_BYTES, "state");',
  ];
}

/** One's own memory begins where the instance ends: its base needs no load. */
function memoryLines(layout: Layout): string[] {
  const memory = layout.linkable ? 'I->memory->' : 'I->own_memory.';
  return [
    `#define MEM ${layout.linkable ? '(I->memory->base)' : '((u8 *)I + STATE_BYTES)'}`,
    `#define MEM_BYTES ${memory}bytes`,
    `#define MEM_PAGES ${memory}pages`,
  ];
}

function resultStructs(layout: Layout): string[] {
  const seen = new Map<string, string>();
  for (const type of layout.types) {
    if (type.results.length < 2) continue;
    seen.set(resultStruct(type.results), resultStructDefinition(type.results));
  }
  return [...seen.values()];
}

function prototypes(layout: Layout): string[] {
  const { module } = layout;
  const out: string[] = [];
  for (let i = module.importedFunctions; i < module.functions.length; i++) {
    const type = functionType(module, i);
    out.push(`FN ${resultType(type)} w${String(i)}(${parameterTypes(type)});`);
  }
  return out;
}

function segmentLines(layout: Layout): string[] {
  const { module } = layout;
  const out = ['extern HIDDEN const u8 module_data[];'];
  module.elements.forEach((segment, i) => {
    const count = Math.max(1, segment.items.length);
    out.push(`extern HIDDEN const u32 elements_${String(i)}[${String(count)}];`);
  });
  const count = Math.max(1, layout.referenced.size);
  if (!layout.linkable) out.push(`extern HIDDEN const sledge_funcref funcrefs[${String(count)}];`);
  out.push('INLINE ref item_ref(sledge_instance *I, u32 item) {', '(void)I;');
  if (layout.linkable) {
    out.push('if (item & 0x80000000u) return *(ref *)I->import_globals[item & 0x7fffffffu];');
    out.push('return item == 0 ? 0 : (ref)&I->own_funcs[item - 1];', '}');
  } else {
    out.push('return item == 0 ? 0 : (ref)&funcrefs[item - 1];', '}');
  }
  return out;
}
