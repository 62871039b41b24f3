/** Numbers of `sledge_trap` in native/include/sledge/module_abi.h. */
export const Trap = {
  unreachable: 1,
  memoryOutOfBounds: 2,
  tableOutOfBounds: 3,
  integerDivideByZero: 4,
  integerOverflow: 5,
  invalidConversion: 6,
  undefinedElement: 7,
  uninitializedElement: 8,
  indirectCallMismatch: 9,
  stackOverflow: 10,
} as const;

/**
 * V8's words for what WebAssembly forbids. V8 does not tell a null entry from one of another type,
 * nor an index of call_indirect from one of table.get.
 */
const MESSAGES: readonly (readonly [RegExp, number])[] = [
  [/^unreachable$/, Trap.unreachable],
  [/^memory access out of bounds$/, Trap.memoryOutOfBounds],
  [/^data segment.* out of bounds/, Trap.memoryOutOfBounds],
  [/^(divide|remainder) by zero$/, Trap.integerDivideByZero],
  [/^divide result unrepresentable$/, Trap.integerOverflow],
  [/^float unrepresentable in integer range$/, Trap.invalidConversion],
  [/^table index is out of bounds$/, Trap.undefinedElement],
  [/^(table access|element segment).* out of bounds/, Trap.tableOutOfBounds],
  [/^table or.*out of bounds/, Trap.tableOutOfBounds],
  [/function signature mismatch$/, Trap.indirectCallMismatch],
  [/^dereferencing a null pointer$/, Trap.uninitializedElement],
];

/** Which trap an exception of a WebAssembly call is; undefined: none, but an error of ours. */
export function trapOf(error: unknown): number | undefined {
  if (error instanceof RangeError && /call stack/.test(error.message)) return Trap.stackOverflow;
  if (!(error instanceof WebAssembly.RuntimeError)) return undefined;
  const found = MESSAGES.find(([pattern]) => pattern.test(error.message));
  return found?.[1] ?? Trap.unreachable;
}
