import type { Instruction } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, numericOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import {
  laneMemoryOps,
  laneOps,
  VectorOp,
} from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';

/** Every opcode that the compiler takes. */
export const OPCODES: ReadonlySet<number> = new Set([
  ...Object.values(Op),
  ...numericOps.keys(),
  ...memoryOps.keys(),
  ...laneOps.keys(),
  ...laneMemoryOps.keys(),
  VectorOp.Const,
  VectorOp.Shuffle,
]);

/** Which opcodes stood in code that was compiled and compared. */
export class Coverage {
  private readonly counts = new Map<number, number>();

  add(body: readonly Instruction[]): void {
    for (const { op } of body) this.counts.set(op, this.of(op) + 1);
  }

  of(op: number): number {
    return this.counts.get(op) ?? 0;
  }

  get hit(): number {
    return [...OPCODES].filter((op) => this.of(op) > 0).length;
  }

  /** How often the opcode that was hit least was hit, and which it is. */
  get least(): { count: number; op: string } {
    const [first] = [...OPCODES].sort((a, b) => this.of(a) - this.of(b));
    return { count: this.of(first ?? 0), op: (first ?? 0).toString(16) };
  }

  /** In hexadecimal, as the specification writes them. */
  get missing(): string[] {
    return [...OPCODES].filter((op) => this.of(op) === 0).map((op) => op.toString(16));
  }
}
