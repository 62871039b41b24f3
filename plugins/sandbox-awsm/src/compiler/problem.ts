/** Passes of binaryen's wasm-opt that make a module without the feature. */
function lowered(flags: string): string {
  return `npx --package=binaryen wasm-opt ${flags} in.wasm -o out.wasm`;
}

/** Proposals that are refused by name, each with its way out; docs/reference/webassembly.md. */
export const UNSUPPORTED_FEATURES = {
  threads: 'Compile it without -pthread and -matomics, and link it without --shared-memory.',
  'tail calls': 'Compile it with -mno-tail-call.',
  'exception handling':
    'Compile it with -fno-exceptions; or, when a throw may be a trap: ' +
    lowered('--enable-exception-handling --enable-reference-types --strip-eh'),
  'garbage collection':
    'Compile it for linear memory, as C, C++, Rust and AssemblyScript are; there is no lowering.',
  'typed function references':
    'Compile it without them: C, C++ and Rust never use them, others have a switch.',
  'multiple memories':
    'Link it with a single memory, or: ' +
    lowered('--enable-multimemory --enable-bulk-memory --multi-memory-lowering'),
  memory64:
    'Compile it for wasm32, or: ' +
    lowered('--enable-memory64 --enable-bulk-memory --memory64-lowering'),
  'relaxed SIMD':
    'Compile it with -mno-relaxed-simd; or, when the instructions are never reached: ' +
    lowered('--enable-simd --enable-relaxed-simd --remove-relaxed-simd'),
  'extended constant expressions': 'Compile it with -mno-extended-const.',
} as const satisfies Record<string, string>;

export type UnsupportedFeature = keyof typeof UNSUPPORTED_FEATURES;

/** What the decoder or validator found; the driver turns it into a SledgeError. */
export class WasmProblem extends Error {
  constructor(
    readonly kind: 'malformed' | 'invalid' | 'unsupported' | 'limit',
    readonly reason: string,
    readonly offset: number,
  ) {
    super(`${kind}: ${reason} at byte ${String(offset)}`);
    this.name = 'WasmProblem';
  }
}

export function malformed(reason: string, offset: number): WasmProblem {
  return new WasmProblem('malformed', reason, offset);
}

export function invalid(reason: string, offset: number): WasmProblem {
  return new WasmProblem('invalid', reason, offset);
}

export function unsupported(feature: UnsupportedFeature, offset: number): WasmProblem {
  return new WasmProblem('unsupported', feature, offset);
}

/** A module that is well formed but larger than we accept. */
export function overLimit(what: string, offset: number): WasmProblem {
  return new WasmProblem('limit', what, offset);
}
