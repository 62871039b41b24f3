import type { Address } from './abstract-value';
import { hex32 } from './c-types';
import { distanceText } from './emit-polls';
import type { Layout } from './layout';
import { type HullProbe, type LoopHull, loopHulls } from './loop-hulls';
import type { Loop } from './loops';
import type { Instruction, ValueTypeCode } from './model';

/** Where the text goes. */
interface Lines {
  readonly layout: Layout;
  line(text: string): void;
}

const PAGES_FULL = 65536;

/** Writes what stands before a loop that is asked whether it would trap: see loop-hulls.ts. */
export class HullEmitter {
  private readonly hulls: ReadonlyMap<number, LoopHull>;
  private current: LoopHull | undefined;

  constructor(
    private readonly out: Lines,
    body: readonly Instruction[],
    loops: readonly Loop[],
    localTypes: readonly ValueTypeCode[],
  ) {
    this.hulls = memoryStaysBelow4GiB(out.layout) ? loopHulls(body, loops, localTypes) : new Map();
  }

  beforeHead(place: number): void {
    this.current = this.hulls.get(place);
    if (this.current === undefined) return;
    const { counted, probes } = this.current;
    const { trips, step } = counted;
    const count =
      trips === undefined
        ? `loop_trips(${distanceText(counted)}, ${String(Math.abs(step))}u)`
        : `${String(trips)}ull`;
    this.out.line(`{ u64 trips = ${count};`);
    for (const probe of probes) this.out.line(probeText(probe));
    this.out.line('}');
  }

  /** Whether the load at this place needs no force. */
  covers(place: number): boolean {
    return this.current !== undefined && this.current.loads.has(place);
  }
}

/** An imported memory may have all pages. */
function memoryStaysBelow4GiB({ module }: Layout): boolean {
  const [memory] = module.memories;
  return memory !== undefined && module.importedMemories === 0 && memory.min < PAGES_FULL;
}

function probeText({ address, stride, end }: HullProbe): string {
  return `loop_probe(MEM, ${sumText(address)}, trips, ${String(stride)}, ${String(end - 1)}ull);`;
}

function sumText({ terms, base }: Address): string {
  const parts = [...terms].map(([local, times]) => {
    return times === 1 ? `l${String(local)}` : `l${String(local)} * ${hex32(times)}`;
  });
  if (base !== 0 || parts.length === 0) parts.push(hex32(base));
  return parts.join(' + ');
}
