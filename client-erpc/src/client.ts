import { setTimeout as delay } from 'node:timers/promises';
import { SledgeError } from '@sledge/core';
import type { NativeRpcClient, NativeRpcEvent } from '@sledge/core';
import { loadBinding, reasonOf } from '@sledge/core/host';
import {
  checkOptions,
  nativeOptions,
  type CheckedOptions,
  type ErpcClientOptions,
} from './options';
import { ErpcTarget } from './target';

export interface ErpcAddress {
  readonly host: string;
  /** Of the server's session management. Default: 31850. */
  readonly port?: number;
  /** Which of the server's Rpc objects. Default: 0. */
  readonly rpcId?: number;
}

export interface ConnectOptions {
  /** Sessions to spread calls over. Default: 1. */
  readonly sessions?: number;
  /** For all attempts together. Default: 10,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_PORT = 31_850;
const DEFAULT_TIMEOUT_MS = 10_000;
const RETRY_MS = 100;
/** As on the wire. */
const REASONS = [
  'no answer',
  'it disconnected',
  'it has no room for another session',
  'it is out of memory',
  'it cannot resolve our address',
  'it has no such rpcId',
  'it uses another transport',
];

type Settle = (event: NativeRpcEvent) => void;

/**
 * An eRPC client on a native thread of its own. All methods on the JavaScript thread that opened
 * it; the event loop stays alive while something is awaited.
 */
export class ErpcClient {
  readonly #native: NativeRpcClient;
  readonly #waiting = new Map<number, Settle>();
  readonly #lost = new Map<number, () => void>();
  #tag = 0;
  #closed = false;

  private constructor(readonly options: CheckedOptions) {
    const { binding } = loadBinding();
    try {
      this.#native = new binding.RpcClient(nativeOptions(options), (event) => this.#on(event));
    } catch (error) {
      const { backend } = options;
      throw new SledgeError('SLEDGE_ERR_RPC_BACKEND', { backend, reason: reasonOf(error) });
    }
  }

  /** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT, SLEDGE_ERR_RPC_BACKEND. */
  static open(options: ErpcClientOptions = {}): ErpcClient {
    return new ErpcClient(checkOptions(options));
  }

  /** Of its session management. */
  get port(): number {
    return this.#native.port;
  }

  /**
   * Opens the sessions; tries again until `timeoutMs` is over.
   * @throws SledgeError SLEDGE_ERR_RPC_CONNECT with the last reason.
   */
  async connect(address: ErpcAddress, options: ConnectOptions = {}): Promise<ErpcTarget> {
    const { sessions = 1, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const target = new ErpcTarget(this, address, timeoutMs);
    await target.open(sessions);
    return target;
  }

  /** Ends its thread; what is awaited rejects with SLEDGE_ERR_RPC_CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.stop();
    for (const settle of [...this.#waiting.values()]) settle(CLOSED);
    this.#waiting.clear();
  }

  /** One session. For ErpcTarget. */
  async openSession(address: ErpcAddress, timeoutMs: number, onLost: () => void): Promise<number> {
    const { host, port = DEFAULT_PORT, rpcId = 0 } = address;
    const limit = performance.now() + timeoutMs;
    for (;;) {
      const event = await this.#command((tag) => this.#native.open(host, port, rpcId, tag), limit);
      if (event.kind === 'opened') {
        this.#lost.set(event.session, onLost);
        return event.session;
      }
      if (event === CLOSED) throw new SledgeError('SLEDGE_ERR_RPC_CLOSED');
      if (performance.now() + RETRY_MS > limit) {
        const reason = event.status === 'ok' ? (REASONS[event.reason] ?? 'refused') : event.status;
        throw new SledgeError('SLEDGE_ERR_RPC_CONNECT', { target: `${host}:${port}`, reason });
      }
      await delay(RETRY_MS);
    }
  }

  /** For ErpcTarget. The event tells how it ended. */
  call(session: number, type: number, message: Uint8Array, deadlineUs: number) {
    return this.#command((tag) => this.#native.call(session, type, message, deadlineUs, tag));
  }

  async closeSession(session: number): Promise<void> {
    this.#lost.delete(session);
    await this.#command((tag) => this.#native.close(session, tag));
  }

  /** Its event, BACKLOG or CLOSED. After `limit` (performance.now()) it counts as unanswered. */
  async #command(send: (tag: number) => boolean, limit = Infinity): Promise<NativeRpcEvent> {
    if (this.#closed) return CLOSED;
    const tag = (this.#tag += 1);
    if (!send(tag)) return BACKLOG;
    if (this.#waiting.size === 0) this.#native.hold(true);
    let timer: NodeJS.Timeout | undefined;
    const event = await new Promise<NativeRpcEvent>((resolve) => {
      this.#waiting.set(tag, resolve);
      if (limit === Infinity) return;
      timer = setTimeout(() => resolve(UNANSWERED), Math.max(0, limit - performance.now()));
    });
    clearTimeout(timer);
    if (this.#waiting.delete(tag) && this.#waiting.size === 0 && !this.#closed) {
      this.#native.hold(false);
    }
    return event;
  }

  #on(event: NativeRpcEvent): void {
    if (event.kind === 'lost') {
      this.#lost.get(event.session)?.();
      this.#lost.delete(event.session);
      return;
    }
    const settle = this.#waiting.get(event.tag);
    if (settle !== undefined) settle(event);
    // It opened after its caller had given up.
    else if (event.kind === 'opened') this.#native.close(event.session, 0);
  }
}

const failure = (status: string): NativeRpcEvent => ({
  kind: 'open-failed',
  status,
  reason: 0,
  session: -1,
  tag: 0,
});
const CLOSED = failure('closed');
const UNANSWERED = failure('ok');
/** Too many commands wait. */
const BACKLOG = failure('backlog full');
