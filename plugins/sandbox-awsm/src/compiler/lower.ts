import { checkModule } from './analyse';
import { decodeModule } from './decode';
import { emitDescriptor } from './emit-descriptor';
import { FunctionEmitter } from './emit-function';
import { emitHeader } from './emit-header';
import { emitInitialise } from './emit-initialise';
import { INSTANCE_AREA_BYTES } from './limits';
import { layOut, type Layout, type LowerOptions } from './layout';
import { POLL_GAP_COST_MAX } from './poll-plan';
import { overLimit } from './problem';

/** Wasm bytes of code per C file: each is compiled by a process of its own. */
const CHUNK_CODE_BYTES = 96 * 1024;

export interface LoweredModule {
  /** C files to compile, without paths. */
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  readonly header: string;
  /** Bytes of all data segments, for `.incbin`. */
  readonly data: Uint8Array;
}

/** Decodes, validates and lowers a module to C. Throws a WasmProblem. Any thread. */
export function lowerModule(bytes: Uint8Array, options: LowerOptions): LoweredModule {
  const checked = checkModule(decodeModule(bytes));
  const layout = layOut(checked, options);
  if (layout.stateBytes > INSTANCE_AREA_BYTES) {
    throw overLimit(`${String(INSTANCE_AREA_BYTES)} bytes of globals and tables`, 0);
  }
  const chunks = splitFunctions(layout);
  const single = chunks.length <= 1;
  const pollGapCostMax = options.polled ? POLL_GAP_COST_MAX : 0;
  const main = `${emitInitialise(layout)}${emitDescriptor(layout, pollGapCostMax)}`;
  const header = emitHeader(layout, single);
  const text = (indices: readonly number[]): string =>
    indices.map((index) => new FunctionEmitter(layout, index).emit()).join('\n');
  const include = '#include "module.h"\n';
  const mainInclude = `#define SLEDGE_POLL_STUB\n${include}#include "support.h"\n`;
  const sources = single
    ? [{ name: 'module.c', text: `${mainInclude}${text(chunks[0] ?? [])}${main}` }]
    : [
        { name: 'module.c', text: mainInclude + main },
        ...chunks.map((indices, i) => ({
          name: `chunk_${String(i)}.c`,
          text: include + text(indices),
        })),
      ];
  return { sources, header, data: dataBytes(layout) };
}

function splitFunctions(layout: Layout): number[][] {
  const { module } = layout;
  const chunks: number[][] = [];
  let bytes = Infinity;
  module.bodies.forEach((body, i) => {
    const size = body.end - body.start;
    if (bytes + size > CHUNK_CODE_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    bytes += size;
    (chunks[chunks.length - 1] as number[]).push(module.importedFunctions + i);
  });
  return chunks;
}

function dataBytes(layout: Layout): Uint8Array {
  const { module } = layout;
  const parts = module.data.map((s) => module.bytes.subarray(s.start, s.start + s.length));
  return Buffer.concat(parts);
}
