import { randomBytes } from 'node:crypto';
import { errors, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { isErrorCode, SledgeError } from '@sledge/core';
import type { PeerCall, PeerLink, PeerReply, PeerReport } from '@sledge/core';
import { formatLoad, HEADERS, LEAVING, loadSubject, nodeOfLoad } from '@sledge/nats-connection';
import { LOAD_SUBJECTS, parseLoad, PEER_HEADERS, peerCancelSubject } from '@sledge/nats-connection';
import { peerSubject } from '@sledge/nats-connection';
import type { NatsLink, NodeLoad } from '@sledge/nats-connection';
import { forwardedHeader, outcomeOf } from './forwarded';
import { KnownPeers } from './known-peers';

export interface PeerSettings {
  readonly node: string;
  /** Between two reports of this node's load. */
  readonly reportMs: number;
  /** Whoever says nothing for so long is lost, with what it has. */
  readonly silenceMs: number;
  readonly load: () => NodeLoad;
  /** undefined: the tenant is not served here. */
  readonly linkOf: (tenant: string) => NatsLink | undefined;
  /** Monotonic. Left out: the process's clock. */
  readonly nowNs?: () => number;
}

/** An answer may be so late: then the request is given up. */
const GRACE_MS = 1_000;
const WITHOUT_DEADLINE_MS = 600_000;
const US_PER_MS = 1_000;
const NS_PER_US = 1_000;
const NS_PER_MS = 1_000_000;
const EMPTY = new Uint8Array(0);
/** Version line and what NATS adds. */
const HEAD_BYTES = 512;

/** What was sent to a peer and is not answered; also to one that takes nothing more. */
interface Waiting {
  heardNs: number;
  /** Each gives one request up. */
  readonly giveUps: Set<(reason: string) => void>;
}

const processNs = (): number => Math.round(performance.now() * 1e6);

/**
 * The nodes behind one NATS: each says how busy it is, on `sledge.load.<node>`, and takes requests
 * at its own subjects. Main thread.
 */
export class NatsPeers implements PeerLink {
  readonly node: string;
  readonly #known: KnownPeers;
  readonly #nowNs: () => number;
  readonly #connections = new Set<NatsConnection>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #timer: NodeJS.Timeout;
  /** Nobody else can take back what was sent: its names begin with this. */
  readonly #secret = randomBytes(12).toString('hex');
  #sent = 0;
  #isTaking = true;

  constructor(private readonly settings: PeerSettings) {
    this.node = settings.node;
    this.#nowNs = settings.nowNs ?? processNs;
    this.#known = new KnownPeers(settings.silenceMs, this.#nowNs);
    this.#timer = setInterval(() => this.#tick(), settings.reportMs).unref();
  }

  /** A connection of this node, from now until it closes. */
  connect(connection: NatsConnection): void {
    this.#connections.add(connection);
    void connection.closed().then(() => this.#connections.delete(connection));
    connection.subscribe(LOAD_SUBJECTS, {
      callback: (error, message) => this.#heard(error, message),
    });
    this.#say(connection, this.#load());
  }

  peers(): readonly PeerReport[] {
    return this.#known.reports;
  }

  forward(peer: string, call: PeerCall, onReply: (reply: PeerReply) => void): () => void {
    const sentNs = this.#nowNs();
    const connection = this.settings.linkOf(call.tenant)?.connection;
    const cancelId = `${this.#secret}-${(this.#sent += 1)}`;
    const lost = (error: unknown): PeerReply => ({ kind: 'lost', reason: String(error) });
    void this.#ask(peer, call, connection, cancelId)
      .catch(lost)
      .then((reply) => {
        const insideNs = reply.kind === 'outcome' ? reply.outcome.times.totalNs : undefined;
        if (insideNs !== undefined) this.#known.measured(peer, this.#nowNs() - sentNs, insideNs);
        onReply(reply);
      });
    return () => this.#cancel(connection, peerCancelSubject(peer, call.tenant), cancelId);
  }

  /** Over the connection of the request, and so behind it. */
  #cancel(connection: NatsConnection | undefined, subject: string, cancelId: string): void {
    try {
      connection?.publish(subject, cancelId);
    } catch {
      // the connection is gone, and the peer's own limits end it
    }
  }

  /** While it takes none, the others send nothing more; what they have sent is answered. */
  setTakingWork(isTaking: boolean): void {
    this.#isTaking = isTaking;
    this.#sayToAll(this.#load());
  }

  /** Gives up what is under way. */
  close(): void {
    clearInterval(this.#timer);
    for (const one of this.#waiting.values()) giveUp(one, 'this node stops');
  }

  #heard(error: Error | null, message: Msg): void {
    const name = error === null ? nodeOfLoad(message.subject) : this.node;
    if (name === this.node) return;
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) waiting.heardNs = this.#nowNs();
    const text = message.string();
    const load = parseLoad(text);
    if (load !== undefined) this.#known.note(name, load);
    else if (text === LEAVING) this.#known.forget(name);
  }

  #tick(): void {
    this.#sayToAll(this.#load());
    // what came while this thread was busy, or stopped, is read first
    setImmediate(() => this.#loseSilent());
  }

  #loseSilent(): void {
    const { silenceMs } = this.settings;
    this.#known.forgetSilent();
    const limitNs = this.#nowNs() - silenceMs * NS_PER_MS;
    for (const one of this.#waiting.values()) {
      if (one.heardNs < limitNs) giveUp(one, `nothing was heard of it for ${silenceMs} ms`);
    }
  }

  #load(): string {
    return this.#isTaking ? formatLoad(this.settings.load()) : LEAVING;
  }

  #sayToAll(text: string): void {
    for (const connection of this.#connections) this.#say(connection, text);
  }

  #say(connection: NatsConnection, text: string): void {
    try {
      connection.publish(loadSubject(this.node), text);
    } catch {
      // it closes: the next one is told
    }
  }

  async #ask(
    peer: string,
    { tenant, functionName, request }: PeerCall,
    connection: NatsConnection | undefined,
    cancelId: string,
  ): Promise<PeerReply> {
    if (connection === undefined) return { kind: 'unsent', reason: 'NATS is away' };
    const { input = EMPTY, relativeDeadlineUs: us } = request;
    const head = headers();
    const forwarded = forwardedHeader(request);
    head.set(PEER_HEADERS.forwarded, forwarded);
    head.set(HEADERS.cancelId, cancelId);
    if (us !== undefined) head.set(HEADERS.deadlineUs, String(us));
    const bytes = input.length + forwarded.length + HEAD_BYTES;
    if (bytes > (connection.info?.max_payload ?? Infinity)) {
      return { kind: 'unsent', reason: `${bytes} bytes are more than NATS takes` };
    }
    const timeout = us === undefined ? WITHOUT_DEADLINE_MS : Math.ceil(us / US_PER_MS) + GRACE_MS;
    const subject = peerSubject(peer, { tenant, fn: functionName });
    const asked = connection
      .request(subject, input, { headers: head, timeout })
      .then((message) => this.#replyOf(peer, message))
      .catch((error: unknown) => this.#failureOf(peer, error));
    return this.#unlessLost(peer, asked);
  }

  /** The first of the answer and the loss of the peer. */
  #unlessLost(peer: string, asked: Promise<PeerReply>): Promise<PeerReply> {
    const waiting = this.#waiting.get(peer) ?? { heardNs: this.#nowNs(), giveUps: new Set() };
    this.#waiting.set(peer, waiting);
    const { giveUps } = waiting;
    return new Promise((resolve) => {
      const giveUp = (reason: string) => end({ kind: 'lost', reason });
      const end = (reply: PeerReply) => {
        giveUps.delete(giveUp);
        if (giveUps.size === 0 && this.#waiting.get(peer) === waiting) this.#waiting.delete(peer);
        resolve(reply);
      };
      giveUps.add(giveUp);
      void asked.then(end);
    });
  }

  #replyOf(peer: string, { data, headers: head }: Msg): PeerReply {
    const load = parseLoad(head?.get(HEADERS.load) ?? '');
    if (load !== undefined) this.#known.note(peer, load);
    const ended = outcomeOf(head);
    if (ended !== undefined) {
      const { totalNs, ...rest } = ended;
      const ns = (name: string) => microseconds(head?.get(name)) * NS_PER_US;
      const times = { queueNs: ns(HEADERS.queueUs), runNs: ns(HEADERS.runUs), totalNs };
      return { kind: 'outcome', outcome: { ...rest, output: data, times } };
    }
    const code = head?.get(HEADERS.error) ?? '';
    if (!isErrorCode(code)) return { kind: 'lost', reason: 'its answer is none of a node' };
    const error = new SledgeError(code);
    error.message = head?.get(HEADERS.errorMessage) ?? error.message;
    return { kind: 'refused', error };
  }

  /** Without anybody who listens it has not been taken; else nobody knows. */
  #failureOf(peer: string, error: unknown): PeerReply {
    const isGone =
      error instanceof errors.NoRespondersError ||
      (error instanceof errors.RequestError && error.isNoResponders());
    if (isGone) this.#known.forget(peer);
    const cause = error instanceof errors.RequestError ? (error.cause ?? error) : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const isForbidden = cause instanceof errors.PermissionViolationError;
    return isGone || isForbidden ? { kind: 'unsent', reason } : { kind: 'lost', reason };
  }
}

/** As a node says them; 0 for what no node says. */
function microseconds(text = ''): number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
}

function giveUp({ giveUps }: Waiting, reason: string): void {
  for (const one of giveUps) one(reason);
}
