import type { CallCosts } from './call-graph';
import { hex32 } from './c-types';
import type { Instruction } from './model';
import type { CountedLoop, Loop } from './loops';
import { POLL_BUDGET } from './poll-costs';
import { type HeadPoll, type PollPlan, planPolls } from './poll-plan';

/** Where the text goes. */
interface Lines {
  readonly index: number;
  line(text: string): void;
}

type Chunks = Extract<HeadPoll, { kind: 'chunks' }>;

/** Writes the looks at the pending flag of one function: the one place that makes safepoints. */
export class PollEmitter {
  private readonly plan: PollPlan;
  /** By the place of the latch: the loop's label and how it is chunked. */
  private readonly latches = new Map<number, { id: string; head: Chunks }>();

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
    if (this.plan.atEntry) this.out.line('poll(I);');
  }

  /** Before the instruction at `place`. */
  before(place: number): void {
    if (this.plan.straight.has(place)) this.out.line('poll(I);');
  }

  /** Before a loop's label: what its entry pays, and how far its first chunk goes. */
  beforeHead(id: string, place: number): void {
    const head = this.plan.heads.get(place);
    if (head?.kind === 'whole') return this.charge(String(head.amount));
    if (head?.kind !== 'chunks') return;
    this.latches.set(head.latch, { id, head });
    const { counted, iterations, weight } = head;
    const local = `l${String(counted.local)}`;
    const stride = `${String(Math.abs(counted.step))}u`;
    const trips = `chunk_trips(${distance(counted)}, ${stride}, ${String(iterations)}u)`;
    this.out.line(`H${id}:; { u32 trips = ${trips};`);
    this.charge(`(s32)(trips * ${String(weight)}u)`);
    this.out.line(`stop${id} = ${local} + trips * ${hex32(counted.step)}; }`);
  }

  /** After a loop's label. */
  head(place: number): void {
    const head = this.plan.heads.get(place);
    if (head?.kind === 'poll') this.out.line('poll(I);');
    if (head?.kind === 'fuel') this.charge(String(head.amount));
  }

  /** Writes the back edge of a chunked loop; false: the branch is an ordinary one. */
  latch(place: number): boolean {
    const latch = this.latches.get(place);
    if (latch === undefined) return false;
    const { id, head } = latch;
    const local = `l${String(head.counted.local)}`;
    this.out.line(`if (${local} != stop${id}) goto L${id};`);
    this.out.line(`if (${local} != ${limitText(head.counted)}) goto H${id};`);
    return true;
  }

  private charge(amount: string): void {
    const refill = `{ poll(I); fuel = ${String(POLL_BUDGET)}; }`;
    this.out.line(`fuel -= ${amount}; if (UNLIKELY(fuel <= 0)) ${refill}`);
  }
}

function limitText(counted: CountedLoop): string {
  const { limit } = counted;
  return 'constant' in limit ? hex32(limit.constant) : `l${String(limit.local)}`;
}

/** From the counter to its limit, in the direction of the step. */
function distance(counted: CountedLoop): string {
  const local = `l${String(counted.local)}`;
  const limit = limitText(counted);
  return counted.step > 0 ? `${limit} - ${local}` : `${local} - ${limit}`;
}
