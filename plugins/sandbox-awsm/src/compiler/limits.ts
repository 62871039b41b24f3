/** What a module may be at most. Each is checked where the number is read. */
export const MODULE_LIMITS = {
  moduleBytes: 256 * 1024 * 1024,
  types: 1_000_000,
  functions: 1_000_000,
  imports: 100_000,
  exports: 100_000,
  globals: 1_000_000,
  tables: 1_000,
  tableEntries: 1_000_000,
  segments: 100_000,
  segmentItems: 10_000_000,
  functionBytes: 16 * 1024 * 1024,
  locals: 50_000,
  params: 1_000,
  results: 1_000,
  nesting: 1_000,
  branchTargets: 65_520,
  nameBytes: 100_000,
} as const;

/** SLEDGE_INSTANCE_AREA_BYTES of module_abi.h. */
export const INSTANCE_AREA_BYTES = 65536;
