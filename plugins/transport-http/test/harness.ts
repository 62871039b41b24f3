import { connect, type Socket } from 'node:net';
import pino from 'pino';
import { tokens } from '@sledge/core';
import { FileWatch } from '@sledge/core/host';
import type {
  FunctionHandle,
  InvocationRequest,
  Invoker,
  Outcome,
  PluginContext,
  TenantView,
  TransportInstance,
  SledgeError,
} from '@sledge/core';
import plugin from '../src';

/** One accepted invocation, for the test to end when and how it wants. */
export interface Call {
  fn: FunctionHandle;
  args: readonly string[];
  environ: Map<string, string>;
  environCount: number;
  input: Buffer;
  deadlineUs: number | undefined;
  cancelled: boolean;
  id: number;
  end(outcome: Partial<Outcome>): void;
}

export const output = (text: string | Buffer): Partial<Outcome> => ({ output: Buffer.from(text) });

/** Stands in for the data plane: `answer` decides at once, or the test ends calls by hand. */
export class FakeInvoker implements Invoker {
  readonly calls: Call[] = [];
  inFlight = 0;
  answer: ((call: Call) => Partial<Outcome> | undefined) | undefined;
  refuse: SledgeError | undefined;
  #waiting: ((call: Call) => void)[] = [];

  invoke(fn: FunctionHandle, request: InvocationRequest, onOutcome: (o: Outcome) => void): number {
    if (this.refuse !== undefined) throw this.refuse;
    this.inFlight += 1;
    let ended = false;
    const block = request.environ as { text: string; count: number };
    const lines = block.text.split('\0').slice(0, -1);
    const call: Call = {
      fn,
      args: request.args,
      environ: new Map(
        lines.map((line) => [line.split('=')[0] ?? '', line.replace(/^[^=]*=/, '')]),
      ),
      environCount: block.count,
      input: Buffer.from(request.input ?? []),
      deadlineUs: request.relativeDeadlineUs,
      cancelled: false,
      id: this.calls.length,
      end: (outcome) => {
        if (ended) throw new Error('a call is ended once');
        ended = true;
        this.inFlight -= 1;
        onOutcome({
          status: 'completed',
          exitCode: 0,
          output: Buffer.alloc(0),
          times: { queueNs: 1_234_567, runNs: 2_000, totalNs: 1_236_999 },
          ...outcome,
        });
      },
    };
    this.calls.push(call);
    this.#waiting.shift()?.(call);
    const outcome = this.answer?.(call);
    if (outcome !== undefined) setImmediate(() => call.end(outcome));
    return call.id;
  }

  cancel(id: number): void {
    const call = this.calls[id];
    if (call === undefined) throw new Error('cancel of an unknown id');
    call.cancelled = true;
  }

  /** The next call to come. */
  nextCall(): Promise<Call> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export function makeFunction(fn: Partial<FunctionHandle> = {}): FunctionHandle {
  return {
    tenant: 'gwu',
    name: 'fib',
    route: '/fib',
    requestType: undefined,
    responseContentType: 'text/plain',
    responseFormat: 'raw',
    relativeDeadlineUs: undefined,
    maxBodyBytes: 100_000,
    ...fn,
  };
}

export interface Running {
  transport: TransportInstance;
  invoker: FakeInvoker;
  /** The files that it watches: `look` until a change has counted. */
  files: FileWatch;
  url: string;
  port: number;
  change(tenants: TenantView[]): Promise<void>;
  /** A tenant is about to be so; the result gives back what that takes. */
  prepare(tenant: TenantView): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** The real plugin on real sockets. */
export async function startTransport(
  tenants: TenantView[] = [{ name: 'gwu', port: 0, functions: [makeFunction()] }],
  options: Record<string, unknown> = {},
): Promise<Running> {
  const invoker = new FakeInvoker();
  invoker.answer = () => output('hello');
  let listener: ((tenants: readonly TenantView[]) => void) | undefined;
  let asked: Running['prepare'] = async () => async () => undefined;
  const files = new FileWatch();
  const host = {
    invoker,
    watchFiles: (...watched: Parameters<FileWatch['watch']>) => files.watch(...watched),
    tenants: () => tenants,
    onTenantsChanged(added: typeof listener) {
      listener = added;
      return () => (listener = undefined);
    },
    onTenantChanging: (added: typeof asked) => {
      asked = added;
      return () => undefined;
    },
  };
  const container = {
    resolve: (token: unknown) => (token === tokens.TransportHost ? host : undefined),
  };
  const clock = { nowNs: () => Math.round(performance.now() * 1e6) };
  const logger = pino({ level: 'silent' });
  const ctx = { logger, clock, container } as unknown as PluginContext;
  const transport = await plugin.create(plugin.options.parse(options), ctx);
  await transport.start();
  const url = transport.listeners()[0]?.url ?? '';
  return {
    transport,
    invoker,
    files,
    url,
    port: Number(new URL(url).port),
    async change(next) {
      listener?.(next);
      await until(() => next.every((t) => transport.listeners().some((l) => l.tenant === t.name)));
    },
    prepare: (tenant) => asked(tenant),
    stop: () => transport.stop(),
  };
}

/** Waits for a condition; only a hang makes it fail. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client that sends exactly these bytes. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  ended = false;
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => (this.received += text));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => undefined);
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Everything up to the server's close. */
  async toEnd(): Promise<string> {
    await until(() => this.ended || this.closed);
    this.socket.destroy();
    return this.received;
  }

  async toMatch(pattern: RegExp): Promise<string> {
    await until(() => pattern.test(this.received));
    return this.received;
  }
}

export function problemOf(answer: string): Record<string, unknown> {
  return JSON.parse(answer.slice(answer.lastIndexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
}
