import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import type { FunctionHandle, Outcome, TenantView } from '@sledge/core';
import { isPeerSubject, nameOf, peerCancelSubject, peerSubjects } from '@sledge/nats-connection';
import { QUEUE_GROUP, SUBJECTS } from '@sledge/nats-connection';
import { answerOf, asSledgeError, failureOf, type Answer } from './answer';
import { Cancellable, cancelIdOf } from './cancellable';
import type { ServingNode } from './node';
import { asForwarded, withOutcome } from './peers/forwarded';
import { readRequest } from './request';

const CANCEL_ID_MAX = 65;

/**
 * The functions of a tenant for requests: each subject in the queue group of all nodes, and all of
 * them at this node by its name. Every request gets one answer. Main thread.
 */
export class TenantEndpoint {
  #functions: ReadonlyMap<string, FunctionHandle> = new Map();
  readonly #subscriptions = new Map<string, Subscription>();
  /** What comes to this node by its name, from clients and from peers. */
  #atNode: Subscription[] = [];
  /** Where callers take requests back: until all of them are answered. */
  #cancels: Subscription[] = [];
  readonly #cancellable = new Cancellable();
  #connection: NatsConnection | undefined;
  readonly #answered = new Set<() => void>();
  #inFlight = 0;

  constructor(
    private readonly tenant: string,
    private readonly node: ServingNode,
  ) {}

  /** A new connection has none of the subscriptions before. */
  connect(connection: NatsConnection): void {
    this.#subscriptions.clear();
    this.#connection = connection;
    const { name, options } = this.node;
    const subjects = [SUBJECTS.invokeAt(this.tenant, name)];
    const cancels = [SUBJECTS.cancel(this.tenant)];
    if (options.peers !== undefined) {
      subjects.push(peerSubjects(name, this.tenant));
      cancels.push(peerCancelSubject(name, this.tenant));
    }
    this.#cancels = cancels.map((one) => connection.subscribe(one, { callback: this.#cancel }));
    // in a group: two processes of one name do not both run it
    const inGroup = { queue: QUEUE_GROUP, callback: this.#take };
    this.#atNode = subjects.map((one) => connection.subscribe(one, inGroup));
    this.#subscribe();
  }

  /** From now on these functions. */
  update({ functions }: TenantView): void {
    this.#functions = new Map(functions.map((fn) => [fn.name, fn]));
    this.#subscribe();
  }

  get functions(): ReadonlyMap<string, FunctionHandle> {
    return this.#functions;
  }

  /** Takes what is on its way, then nothing; resolves when everything is answered. */
  async drain(): Promise<void> {
    const all = [...this.#subscriptions.values(), ...this.#atNode];
    this.#subscriptions.clear();
    this.#atNode = [];
    await Promise.all(all.map((one) => one.drain().catch(() => undefined)));
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#answered.add(resolve));
    for (const one of this.#cancels.splice(0)) one.unsubscribe();
  }

  #subscribe(): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed() || this.node.isDraining) return;
    for (const [name, subscription] of this.#subscriptions) {
      if (this.#functions.has(name)) continue;
      this.#subscriptions.delete(name);
      void subscription.drain().catch(() => undefined);
    }
    for (const fn of this.#functions.keys()) {
      if (this.#subscriptions.has(fn)) continue;
      const subject = SUBJECTS.invoke({ tenant: this.tenant, fn });
      const options = { queue: QUEUE_GROUP, callback: this.#take };
      this.#subscriptions.set(fn, connection.subscribe(subject, options));
    }
  }

  readonly #take = (error: Error | null, message: Msg): void => {
    const connection = this.#connection;
    if (error !== null || connection === undefined) return; // the link tells why
    this.node.counted.requests += 1;
    try {
      this.#invoke(message, connection);
    } catch (cause) {
      this.node.counted.refused += 1;
      this.#answer(message, failureOf(asSledgeError(cause), this.node.answering(connection)));
    }
  };

  #invoke(message: Msg, connection: NatsConnection): void {
    const { node } = this;
    const tokens = message.subject.split('.');
    const name = nameOf(tokens[isPeerSubject(message.subject) ? 5 : 3] ?? '');
    const fn = this.#functions.get(name);
    if (fn === undefined) {
      const full = `${this.tenant}/${name}`;
      throw new SledgeError('SLEDGE_ERR_INVOKE_UNKNOWN', { name: full, hint: '' });
    }
    if (node.isDraining) throw new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
    const limit = node.options.maxInFlight;
    if (node.inFlight >= limit) {
      throw new SledgeError('SLEDGE_ERR_NATS_IN_FLIGHT', { node: node.name, limit });
    }
    const request = asForwarded(readRequest(fn, message.data, message.headers), message);
    node.checkDeadline(fn, request);
    const cancelId = cancelIdOf(message.headers);
    const id = node.invoke(fn, request, (outcome) => {
      this.#cancellable.forget(cancelId, id);
      this.#onOutcome(outcome, message, connection);
    });
    this.#cancellable.add(cancelId, id);
    node.inFlight += 1;
    this.#inFlight += 1;
  }

  #onOutcome(outcome: Outcome, message: Msg, connection: NatsConnection): void {
    const { node } = this;
    node.inFlight -= 1;
    this.#inFlight -= 1;
    node.counted[outcome.status === 'completed' ? 'completed' : 'failed'] += 1;
    const answer = answerOf(outcome, node.answering(connection));
    this.#answer(message, withOutcome(answer, outcome, message));
    if (this.#inFlight > 0) return;
    for (const resolve of this.#answered) resolve();
    this.#answered.clear();
  }

  readonly #cancel = (error: Error | null, message: Msg): void => {
    if (error !== null) return; // not allowed: then its deadline ends it
    const id = this.#cancellable.take(message.string().slice(0, CANCEL_ID_MAX));
    if (id !== undefined) this.node.cancel(id);
  };

  /** Whoever wants no answer, or whose connection is gone, gets none. */
  #answer(message: Msg, { data, headers }: Answer): void {
    try {
      message.respond(data, { headers });
    } catch {
      // the connection is closed: the caller's deadline tells it
    }
  }
}
