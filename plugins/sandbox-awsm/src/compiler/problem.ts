/** Proposals that are refused by name, each with its way out. */
export const UNSUPPORTED_FEATURES = {
  SIMD: 'Compile it without -msimd128.',
  threads: 'Compile it without -pthread and shared memory.',
  'tail calls': 'Compile it without -mtail-call.',
  'exception handling': 'Compile it without -fwasm-exceptions.',
  'garbage collection': 'Compile it for linear memory.',
  'typed function references': 'Compile it without typed function references.',
  'multiple memories': 'Link it with a single memory.',
  memory64: 'Compile it for wasm32.',
  'relaxed SIMD': 'Compile it without -mrelaxed-simd.',
  'extended constant expressions': 'Compile it without -mextended-const.',
} as const;

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
