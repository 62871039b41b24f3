import type { CallCosts } from './call-graph';
import { hex32 } from './c-types';
import type { Instruction } from './model';
import type { CountedLoop, Loop } from './loops';
import { POLL_BUDGET } from './poll-costs';
import { type HeadPoll, type PollPlan, planPolls } from './poll-plan';

/** Where the text goes. */
interface Lines {
  readonly index: number;
  /** How many lines there are. */
  readonly lineCount: number;
  line(text: string): void;
  linesFrom(first: number): readonly string[];
}

type Chunks = Extract<HeadPoll, { kind: 'chunks' }>;

/** A chunked loop that is open: its label, and where its body's text begins. */
interface Latch {
  readonly id: string;
  readonly head: Chunks;
  bodyStart: number;
}

/** Writes the looks at the pending flag of one function: the one place that makes safepoints. */
export class PollEmitter {
  private readonly plan: PollPlan;
  /** By the place of the latch. */
  private readonly latches = new Map<number, Latch>();

  constructor(
    private readonly out: Lines,
    body: readonly Instruction[],
    loops: readonly Loop[],
    costs: CallCosts,
  ) {
    this.plan = planPolls(body, loops, out.index, costs);
  }

  declarations(): string[] {
    const lines = this.plan.usesFuel ? [`s32 fuel = ${String(POLL_BUDGET)};`] : [];
    for (const { id } of this.latches.values()) lines.push(`u32 stop${id};`);
    return lines;
  }

  entry(): void {
    if (this.plan.atEntry) this.out.line(`poll(I, ${String(this.plan.entryCost)});`);
  }

  /** Before the instruction at `place`. */
  before(place: number): void {
    const cost = this.plan.straight.get(place);
    if (cost !== undefined) this.out.line(`poll(I, ${String(cost)});`);
  }

  /** Before a loop's label: what its entry pays, and how far its first chunk goes. */
  beforeHead(id: string, place: number): void {
    const head = this.plan.heads.get(place);
    if (head?.kind === 'whole') return this.charge(String(head.amount));
    if (head?.kind !== 'chunks') return;
    this.latches.set(head.latch, { id, head, bodyStart: 0 });
    const { counted, iterations, weight, straight } = head;
    const local = `l${String(counted.local)}`;
    const stride = `${String(Math.abs(counted.step))}u`;
    const far = distanceText(counted);
    const most = `${String(iterations)}u`;
    if (straight) {
      const cost = `(s32)((${far}) / ${stride} * ${String(weight)}u)`;
      this.out.line(`if (chunk_fits(${far}, ${stride}, ${most}) && fuel > ${cost}) {`);
      this.out.line(`fuel -= ${cost}; goto W${id}; }`);
    }
    this.out.line(`H${id}:; { u32 trips = chunk_trips(${far}, ${stride}, ${most});`);
    this.charge(`(s32)(trips * ${String(weight)}u)`);
    this.out.line(`stop${id} = ${local} + trips * ${hex32(counted.step)}; }`);
  }

  /** After a loop's label. */
  head(place: number): void {
    const head = this.plan.heads.get(place);
    if (head?.kind === 'poll') this.out.line(`poll(I, ${String(head.cost)});`);
    if (head?.kind === 'fuel') this.charge(String(head.amount));
    const latch = head?.kind === 'chunks' ? this.latches.get(head.latch) : undefined;
    if (latch !== undefined) latch.bodyStart = this.out.lineCount;
  }

  /**
   * Writes the back edge of a chunked loop; false: the branch is an ordinary one. A loop that the
   * fuel pays for as a whole runs as a copy without chunks, which compiles better.
   */
  latch(place: number): boolean {
    const latch = this.latches.get(place);
    if (latch === undefined) return false;
    const { id, head } = latch;
    const body = this.out.linesFrom(latch.bodyStart);
    const local = `l${String(head.counted.local)}`;
    const limit = limitText(head.counted);
    this.out.line(`if (${local} != stop${id}) goto L${id};`);
    this.out.line(`if (${local} != ${limit}) goto H${id};`);
    if (!head.straight) return true;
    this.out.line(`goto D${id};`);
    this.out.line(`W${id}:;`);
    for (const line of body) this.out.line(line);
    this.out.line(`if (${local} != ${limit}) goto W${id};`);
    this.out.line(`D${id}:;`);
    return true;
  }

  private charge(amount: string): void {
    const budget = String(POLL_BUDGET);
    const refill = `{ poll(I, ${budget}); fuel = ${budget}; }`;
    this.out.line(`fuel -= ${amount}; if (UNLIKELY(fuel <= 0)) ${refill}`);
  }
}

function limitText(counted: CountedLoop): string {
  const { limit } = counted;
  return 'constant' in limit ? hex32(limit.constant) : `l${String(limit.local)}`;
}

/** From the counter to its limit, in the direction of the step. */
export function distanceText(counted: CountedLoop): string {
  const local = `l${String(counted.local)}`;
  const limit = limitText(counted);
  return counted.step > 0 ? `${limit} - ${local}` : `${local} - ${limit}`;
}
