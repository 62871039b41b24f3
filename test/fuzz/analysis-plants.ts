import type { SourceChange } from './planted-compiler';

/** A mistake that an analysis of the compiler could have. */
export interface AnalysisPlant extends SourceChange {
  readonly name: string;
  /** Tried in the short run too. */
  readonly isQuick?: boolean;
}

const end = 'const end = (offset >>> 0) + (1 << bytesLog2);';
const unsure = 'for (const local of frame.unsure) this.locals.set(local, UNKNOWN);';
const covered = '!access.store && distanceTo(access, probe.address) + access.end <= probe.end';

export const ANALYSIS_PLANTS: readonly AnalysisPlant[] = [
  {
    name: 'a load that must trap is not forced',
    file: 'emit-access.ts',
    from: "covered ? '_covered' : ''",
    to: "'_covered'",
    isQuick: true,
  },
  {
    name: 'a hull ends one access too early',
    file: 'hull-reader.ts',
    from: end,
    to: 'const end = offset >>> 0;',
    isQuick: true,
  },
  {
    name: 'a hull ends with the first byte of the access',
    file: 'hull-reader.ts',
    from: end,
    to: 'const end = (offset >>> 0) + 1;',
  },
  {
    name: 'a hull ends one byte too late',
    file: 'hull-reader.ts',
    from: end,
    to: 'const end = (offset >>> 0) + (1 << bytesLog2) + 1;',
  },
  {
    name: "a hull leaves the access's offset out",
    file: 'hull-reader.ts',
    from: end,
    to: 'const end = 1 << bytesLog2;',
  },
  {
    name: 'the sign of a stride is ignored',
    file: 'hull-reader.ts',
    from: 'return stride;',
    to: 'return Math.abs(stride);',
    isQuick: true,
  },
  {
    name: 'a stride is that of one step less',
    file: 'hull-reader.ts',
    from: 'Math.imul(times, next.base)) | 0',
    to: 'next.base) | 0',
  },
  {
    name: 'a local that is replaced counts as one that is stepped',
    file: 'hull-reader.ts',
    from: 'next.terms.size !== 1 || next.terms.get(local) !== 1',
    to: 'false',
  },
  {
    name: 'where two ways join, the value of the last one is taken',
    file: 'hull-reader.ts',
    from: unsure,
    to: '',
  },
  {
    name: 'an else begins with what its if has written',
    file: 'hull-reader.ts',
    from: 'this.locals = new Map(this.frame.before);',
    to: '',
  },
  {
    name: 'what is behind a branch counts as made by every iteration',
    file: 'hull-reader.ts',
    from: 'frame.split = true;\n        frame.sometimes = true;',
    to: 'frame.split = true;',
  },
  {
    name: 'what is in an if counts as made by every iteration',
    file: 'hull-reader.ts',
    from: 'sometimes: isIf || this.frame.sometimes,',
    to: 'sometimes: this.frame.sometimes,',
  },
  {
    name: 'a division in the loop does not trap',
    file: 'hull-reader.ts',
    from: 'if (traps && !dividesByKnown(name, right)) return false;',
    to: '',
  },
  {
    name: 'memory does not grow in the loop',
    file: 'hull-reader.ts',
    from: 'case Op.MemorySize:',
    to: 'case Op.MemoryGrow: return this.replace(1); case Op.MemorySize:',
  },
  {
    name: 'a loop is never left by a return',
    file: 'hull-reader.ts',
    from: 'case Op.Nop:',
    to: 'case Op.Return: case Op.Nop:',
  },
  {
    name: 'a probe covers loads beyond it',
    file: 'loop-hulls.ts',
    from: covered,
    to: '!access.store',
  },
  {
    name: 'a probe is made for accesses of some iterations',
    file: 'loop-hulls.ts',
    from: '.filter(({ always }) => always)\n    .map',
    to: '.map',
  },
  {
    name: 'an access of some iterations leads a group',
    file: 'loop-hulls.ts',
    from: 'else if (access.always) groups.push([access]);',
    to: 'else groups.push([access]);',
  },
  {
    name: 'the bound of a loop is taken as inclusive',
    file: 'loops.ts',
    from: 'distance % stride === 0 ? distance / stride : undefined',
    to: 'distance % stride === 0 ? distance / stride + 1 : undefined',
  },
  {
    name: 'the last iteration is forgotten',
    file: 'loops.ts',
    from: 'distance % stride === 0 ? distance / stride : undefined',
    to: 'distance % stride === 0 ? distance / stride - 1 || 1 : undefined',
  },
  {
    name: 'a constant before the loop holds although the local is written again',
    file: 'loops.ts',
    from: 'if (op === Op.LocalTee && a === local) return undefined;',
    to: '',
  },
  {
    name: 'a counter stepped behind the latch counts',
    file: 'loops.ts',
    from: 'writes.length !== 1 || at > latch',
    to: 'writes.length !== 1',
  },
  {
    name: 'a counter stepped in some iterations counts',
    file: 'loops.ts',
    from: 'if (depthInside(body, loop, at) !== 0) return undefined;',
    to: '',
  },
  {
    name: 'a limit that the loop moves counts as fixed',
    file: 'loops.ts',
    from: "if ('local' in limit && writesOf(body, loop, limit.local).length > 0) continue;",
    to: '',
  },
  {
    name: 'a step down is one up',
    file: 'loops.ts',
    from: 'return add?.op === Op.I32Sub ? -second.a | 0 : undefined;',
    to: 'return add?.op === Op.I32Sub ? second.a : undefined;',
  },
  {
    name: 'a difference of addresses is their sum',
    file: 'abstract-value.ts',
    from: 'return addAddresses(left, right, -1);',
    to: 'return addAddresses(left, right, 1);',
  },
  {
    name: 'a shift of an address multiplies by its count',
    file: 'abstract-value.ts',
    from: '1 << (right.base & 31)',
    to: 'right.base & 31',
  },
  {
    name: 'the constant of a sum is not multiplied',
    file: 'abstract-value.ts',
    from: '(a.base + Math.imul(b.base, factor)) | 0',
    to: '(a.base + b.base) | 0',
  },
  {
    name: 'a table that is written counts as fixed',
    file: 'fixed-tables.ts',
    from: 'if (use.writtenTables.has(index)) continue;',
    to: '',
  },
  {
    name: "an element segment's place is ignored",
    file: 'fixed-tables.ts',
    from: 'content[start + i] =',
    to: 'content[i] =',
  },
  {
    name: 'a table never grows',
    file: 'access.ts',
    from: '!layout.linkable && !layout.checked.use.grownTables.has(index)',
    to: '!layout.linkable',
  },
];
