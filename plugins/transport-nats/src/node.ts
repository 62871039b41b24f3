import type { NatsConnection } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { FunctionHandle, Outcome, TransportHost } from '@sledge/core';
import type { NodeLoad } from '@sledge/nats-connection';
import type { Answering } from './answer';
import type { TransportOptions } from './options';
import type { ReadRequest } from './request';

/** Of nats-server, unless its configuration says otherwise. */
const PAYLOAD_MAX = 1_048_576;
const ANSWER_HEAD_BYTES = 4_096;
const NS_PER_US = 1_000;

const COUNTERS = [
  'requests',
  'completed',
  'failed',
  'refused',
  'cancelled',
  'jobs',
  'jobs_completed',
  'jobs_retried',
  'jobs_dead',
  'jobs_returned',
] as const;
type Counter = (typeof COUNTERS)[number];

/** What all tenants of this node share: its name, its way into the data plane, its counters. */
export class ServingNode {
  readonly counted: Record<Counter, number>;
  isDraining = false;
  /** Requests that wait for their outcome; jobs are bounded by themselves. */
  inFlight = 0;

  constructor(
    readonly name: string,
    readonly options: TransportOptions,
    private readonly host: TransportHost,
  ) {
    this.load(); // from now on requests are measured
    this.counted = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
  }

  /** As answers and reports say it. */
  load(): NodeLoad {
    const { invoker } = this.host;
    const unknown = { expectedWaitNs: 0, inSystem: invoker.inFlight, workers: 1 };
    const { expectedWaitNs, inSystem, workers } = this.host.load?.() ?? unknown;
    return { waitUs: expectedWaitNs / NS_PER_US, inFlight: inSystem, workers };
  }

  answering(connection: NatsConnection): Answering {
    const payloadMax = (connection.info?.max_payload ?? PAYLOAD_MAX) - ANSWER_HEAD_BYTES;
    return { node: this.name, load: this.load(), payloadMax };
  }

  /**
   * Refuses what would begin too late here: while all workers are taken, the expected wait and the
   * service expected are more than the deadline. An idle node refuses nothing: no other is sooner.
   * @throws SledgeError SLEDGE_ERR_NATS_WOULD_MISS
   */
  checkDeadline(fn: FunctionHandle, { invocation }: ReadRequest): void {
    const deadlineUs = invocation.relativeDeadlineUs ?? fn.relativeDeadlineUs;
    if (deadlineUs === undefined) return;
    const { waitUs } = this.load();
    const serviceUs = (this.host.estimateNs?.(fn) ?? 0) / NS_PER_US;
    if (waitUs === 0 || waitUs + serviceUs <= deadlineUs) return;
    const details = { node: this.name, waitUs: Math.round(waitUs) };
    throw new SledgeError('SLEDGE_ERR_NATS_WOULD_MISS', details);
  }

  /** Nobody waits for it any more; its outcome still comes. */
  cancel(id: number): void {
    this.counted.cancelled += 1;
    this.host.invoker.cancel(id);
  }

  /** @throws SledgeError as Invoker.invoke */
  invoke(fn: FunctionHandle, request: ReadRequest, onOutcome: (outcome: Outcome) => void): number {
    return this.host.invoker.invoke(fn, request.invocation, onOutcome);
  }
}
