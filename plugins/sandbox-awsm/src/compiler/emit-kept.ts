import { type KeptLoop, keptLoops } from './kept-loads';
import type { Loop } from './loops';
import { type Instruction, ValueType, type ValueTypeCode } from './model';

/** Where the text goes. */
interface Lines {
  line(text: string): void;
}

/** Writes what loops with kept loads need around them: see kept-loads.ts. */
export class KeptLoopEmitter {
  private readonly loops: ReadonlyMap<number, KeptLoop>;
  private current: KeptLoop | undefined;

  constructor(
    private readonly out: Lines,
    body: readonly Instruction[],
    loops: readonly Loop[],
    private readonly localTypes: readonly ValueTypeCode[],
  ) {
    this.loops = keptLoops(body, loops, localTypes);
  }

  beforeHead(place: number): void {
    this.current = this.loops.get(place);
    for (const local of this.current?.opaqueLocals ?? []) {
      this.out.line(`HIDE_${this.register(local)}(l${String(local)});`);
    }
  }

  /** Whether the load at this place needs no force. */
  keeps(place: number): boolean {
    return this.current !== undefined && place < this.current.end;
  }

  afterLoop(place: number): void {
    if (this.current?.end !== place) return;
    for (const local of this.current.sums) {
      this.out.line(`FORCE_${this.register(local)}(l${String(local)});`);
    }
    this.current = undefined;
  }

  private register(local: number): string {
    const type = this.localTypes[local];
    return type === ValueType.F32 || type === ValueType.F64 ? 'FLOAT' : 'INT';
  }
}
