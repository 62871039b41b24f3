/**
 * Where Sledge may differ from the suite, all of it: the command's place and why. A command listed
 * here that does not differ fails the test as well.
 */
export interface Deviation {
  readonly file: string;
  readonly line: number;
  readonly why: string;
}

/** Refused all the same, under another name than the suite's. */
export const REFUSED_OTHERWISE: readonly Deviation[] = [
  { file: 'binary', line: 1393, why: 'a tag import: unsupported by name' },
  { file: 'elem', line: 517, why: 'an extended constant expression: unsupported by name' },
  { file: 'imports', line: 483, why: 'multiple memories: unsupported by name' },
  { file: 'imports', line: 487, why: 'multiple memories: unsupported by name' },
  { file: 'imports', line: 491, why: 'multiple memories: unsupported by name' },
  { file: 'memory', line: 10, why: 'multiple memories: unsupported by name' },
  { file: 'memory', line: 11, why: 'multiple memories: unsupported by name' },
  { file: 'memory_init', line: 190, why: 'the binary lacks its data count: malformed' },
  { file: 'memory_init', line: 227, why: 'the binary lacks its data count: malformed' },
];

/** Payloads of signalling NaNs that optimisers lose; exact with strictFloat. */
export const NAN_PAYLOADS: readonly Deviation[] = [
  ...[75, 76, 106, 107, 136, 137, 148, 149, 160, 161, 172, 173],
  ...[2349, 2350, 2351, 2352, 2353, 2354, 2355, 2356, 2357, 2358, 2359, 2360],
].map((line) => ({
  file: 'float_exprs',
  line,
  why: 'an operation that changes nothing but a signalling NaN is folded away',
}));
