import type { Logger } from 'pino';
import type { DataPlane } from '../contracts/data-plane';
import type {
  FunctionHandle,
  InvocationRequest,
  Outcome,
  OutcomeCallback,
  OutcomeStatus,
} from '../contracts/invocation';
import { HOPS_MAX } from '../contracts/placement';
import type {
  NodeLoad,
  PeerLink,
  PeerReply,
  Placement,
  PlacementDecision,
} from '../contracts/placement';
import type { PlacementFeedback, PlacementRequest } from '../contracts/placement';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { PeerNodes } from './peer-nodes';
import { PlacementCounters, type PlacementReport } from './placement-counters';

const NS_PER_US = 1000;
const NOTHING = new Uint8Array(0);
/** Of decisions that fail; more of them are only counted. */
const WARNINGS_MAX = 10;

/** What a node does with a request when it runs it itself. */
export type RunLocally = (
  fn: FunctionHandle,
  request: InvocationRequest,
  onOutcome: OutcomeCallback,
) => number;

export interface NodePlacementOptions {
  readonly name: string;
  readonly placement: Placement;
  readonly random: () => number;
  readonly plane: Pick<DataPlane, 'cancel'>;
  readonly runLocally: RunLocally;
  readonly logger: Pick<Logger, 'warn'>;
  /** Service time expected of a function. */
  readonly estimateNs: (fn: FunctionHandle) => number;
  readonly load: () => NodeLoad;
  /** Integer nanoseconds since the process started. */
  readonly nowNs: () => number;
}

/** Requests with peers, each of which is kept here until its reply; one more runs here. */
export const AWAY_MAX = 4096;

/** A request that is with a peer, or was. */
interface Away {
  readonly fn: FunctionHandle;
  readonly request: InvocationRequest;
  readonly onOutcome: OutcomeCallback;
  readonly arrivalNs: number;
  /** When its deadline is; Infinity: never. */
  readonly deadlineNs: number;
  readonly sentNs: number;
  readonly peer: string;
  cancel: () => void;
  isCancelled: boolean;
  /** In the data plane, once it runs here. */
  localId: number | undefined;
}

/**
 * Asks the placement of a live node and carries out what it says: every request gets exactly one
 * outcome, whatever becomes of the peer. Main thread.
 */
export class NodePlacement {
  private readonly nodes: PeerNodes;
  private readonly counters = new PlacementCounters();
  private readonly away = new Map<number, Away>();
  /** Their answers may be too long to come back from a peer; another version may be a new one. */
  private readonly keptHere = new WeakSet<FunctionHandle>();
  private link: PeerLink | undefined;
  private lastId = 0;
  private warnings = 0;

  constructor(private readonly options: NodePlacementOptions) {
    this.nodes = new PeerNodes(options.random);
  }

  /** From now on requests can be sent to these peers. @returns ends it. */
  connect(link: PeerLink): () => void {
    this.link = link;
    return () => {
      if (this.link === link) this.link = undefined;
    };
  }

  /** Requests that are with peers. */
  get awayCount(): number {
    return this.away.size;
  }

  stats(): Record<string, number> {
    const { counted } = this.counters;
    return { ...counted, away: this.away.size, ...this.options.placement.stats?.() };
  }

  report(): PlacementReport {
    const { counted } = this.counters;
    const { size: away } = this.away;
    return { placement: this.options.name, counted, away, peers: this.counters.peers() };
  }

  /**
   * As Invoker.invoke; ids below 0 are of requests that went to a peer.
   * @throws SledgeError SLEDGE_ERR_PLACEMENT_REFUSED
   */
  invoke(fn: FunctionHandle, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    const reports = this.link?.peers() ?? [];
    const { hops = 0 } = request;
    const isFull = this.away.size >= AWAY_MAX;
    if (reports.length === 0 || hops >= HOPS_MAX || isFull || this.keptHere.has(fn)) {
      return this.run(fn, request, onOutcome);
    }
    const nowNs = this.options.nowNs();
    const { arrivalNs = nowNs, relativeDeadlineUs: us = fn.relativeDeadlineUs } = request;
    const deadlineNs = us === undefined ? Infinity : arrivalNs + us * NS_PER_US;
    const estimateNs = this.options.estimateNs(fn);
    this.nodes.refresh(nowNs, this.options.load(), reports);
    const decision = this.decide({
      tenant: fn.tenant,
      functionName: fn.name,
      hops,
      leftNs: deadlineNs - nowNs,
      estimateNs,
      slackNs: deadlineNs - nowNs - estimateNs,
    });
    if (decision === 'local') return this.run(fn, request, onOutcome);
    if (decision === 'refuse') {
      this.counters.counted.refused += 1;
      const { name } = this.options;
      throw new SledgeError('SLEDGE_ERR_PLACEMENT_REFUSED', { placement: name });
    }
    const peer = this.nodes.sent(decision, estimateNs);
    const kept = { ...request, arrivalNs, inputStays: true };
    if (request.input !== undefined) kept.input = Uint8Array.from(request.input);
    const times = { arrivalNs, deadlineNs, sentNs: nowNs };
    const state = { cancel: () => undefined, isCancelled: false, localId: undefined };
    return this.forward({ fn, request: kept, onOutcome, ...times, peer, ...state });
  }

  /** @returns whether it was one that went to a peer. */
  cancel(id: number): boolean {
    if (id >= 0) return false;
    const away = this.away.get(-id);
    if (away === undefined) return true;
    away.isCancelled = true;
    if (away.localId === undefined) away.cancel();
    else this.options.plane.cancel(away.localId);
    return true;
  }

  private decide(request: PlacementRequest): PlacementDecision {
    const { placement } = this.options;
    try {
      const decision = placement.place(request, this.nodes);
      if (typeof decision === 'string') return decision === 'refuse' ? 'refuse' : 'local';
      this.nodes.peer(decision);
      return decision;
    } catch (error) {
      this.failed('place', error);
      return 'local';
    }
  }

  private failed(callback: string, error: unknown): void {
    this.counters.counted.failed += 1;
    this.warnings += 1;
    if (this.warnings > WARNINGS_MAX) return;
    const { name, logger } = this.options;
    logger.warn({ placement: name, callback }, `a placement threw: ${reasonOf(error)}`);
  }

  private run(fn: FunctionHandle, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    const id = this.options.runLocally(fn, request, onOutcome);
    this.counters.counted.local += 1;
    return id;
  }

  private forward(away: Away): number {
    const { fn, request, deadlineNs, sentNs, peer } = away;
    const leftUs = Math.floor((deadlineNs - sentNs) / NS_PER_US);
    const sent: InvocationRequest = {
      ...request,
      arrivalNs: undefined,
      relativeDeadlineUs: Number.isFinite(leftUs) ? Math.max(1, leftUs) : undefined,
      hops: (request.hops ?? 0) + 1,
    };
    const id = (this.lastId += 1);
    this.away.set(id, away);
    this.counters.sent(peer);
    const call = { tenant: fn.tenant, functionName: fn.name, request: sent };
    away.cancel = (this.link as PeerLink).forward(peer, call, (reply) => this.onReply(id, reply));
    return -id;
  }

  private onReply(id: number, reply: PeerReply): void {
    const away = this.away.get(id);
    if (away === undefined) return; // a second reply of the same
    this.tell(away, reply);
    this.counters.replied(away.peer, reply.kind === 'outcome' ? 'ended' : reply.kind);
    if (reply.kind === 'outcome') {
      if (reply.outcome.error?.code === 'SLEDGE_ERR_NATS_ANSWER') this.keptHere.add(away.fn);
      this.end(id, away, reply.outcome);
    } else if (reply.kind === 'lost') {
      const { peer } = away;
      const error = new SledgeError('SLEDGE_ERR_PEER_LOST', { peer, reason: reply.reason });
      this.end(id, away, outcomeOf('failed', error));
    } else {
      this.runHere(id, away, reply);
    }
  }

  /** It has not run there: it runs here if time remains. */
  private runHere(
    id: number,
    away: Away,
    reply: Extract<PeerReply, { kind: 'refused' | 'unsent' }>,
  ): void {
    const isRefused = reply.kind === 'refused';
    if (away.isCancelled) {
      const error = new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED');
      return this.end(id, away, outcomeOf('cancelled', error));
    }
    if (this.options.nowNs() >= away.deadlineNs) {
      const { peer } = away;
      const error = isRefused
        ? reply.error
        : new SledgeError('SLEDGE_ERR_PEER_UNSENT', { peer, reason: reply.reason });
      return this.end(id, away, outcomeOf('dropped', error));
    }
    try {
      const { fn, request, onOutcome } = away;
      away.localId = this.run(fn, request, (outcome) => {
        this.away.delete(id);
        onOutcome(outcome);
      });
      this.counters.counted.run_here += 1;
    } catch (error) {
      const known = error instanceof SledgeError ? error : undefined;
      const unknown = { reason: reasonOf(error) };
      const cause = known ?? new SledgeError('SLEDGE_ERR_INTERNAL', unknown, { cause: error });
      this.end(id, away, outcomeOf('dropped', cause));
    }
  }

  /** Its one outcome, which is a plain object; its times are as its client saw them. */
  private end(id: number, away: Away, outcome: Outcome): void {
    this.away.delete(id);
    const { queueNs, runNs } = outcome.times;
    const totalNs = this.options.nowNs() - away.arrivalNs;
    away.onOutcome({ ...outcome, times: { queueNs, runNs, totalNs } });
  }

  private tell(away: Away, reply: PeerReply): void {
    const { placement, nowNs } = this.options;
    const isEnded = reply.kind === 'outcome';
    const feedback: PlacementFeedback = {
      peer: away.peer,
      result: isEnded ? 'ended' : reply.kind,
      roundTripNs: nowNs() - away.sentNs,
      insideNs: isEnded ? reply.outcome.times.totalNs : 0,
    };
    try {
      placement.outcome?.(feedback);
    } catch (error) {
      this.failed('outcome', error);
    }
  }
}

function outcomeOf(status: OutcomeStatus, error: SledgeError): Outcome {
  const times = { queueNs: 0, runNs: 0, totalNs: 0 };
  return { status, exitCode: 0, output: NOTHING, times, error };
}
