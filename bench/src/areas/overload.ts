import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { poissonMix, runLoad } from '@sledge/lab';
import type { LoadReport } from '@sledge/lab';
import type { BenchArea, BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { startSledgeAs } from '../server-process';

const DEADLINE_US = 100_000;
/** Clients that wait for their answers; a request for which none is free is given up. */
const CONNECTIONS = 500;
/** As many as a server answers within the deadline when it has no more to do than it can. */
const PEAK_CONNECTIONS = 16;
const ADMIN_GAP_MS = 20;
const ADMIN_LIMIT_MS = 10_000;
/** Functions that are bound by the workers, and by HTTP's main thread. */
const KINDS = [
  { name: '', path: '/fib?27' },
  { name: '_short', path: '/fib?5' },
] as const;

type Kind = (typeof KINDS)[number];

interface Server {
  readonly target: URL;
  readonly admin: string;
}

interface Samples {
  /** Goodput at five times the peak's load over the peak. */
  goodput: number[];
  /** Of admin requests meanwhile, p99 of each round. */
  adminMs: number[];
}

function load(server: Server, { path }: Kind, durationS: number, ratePerS?: number) {
  const target = new URL(path, server.target);
  const answers = { path: target.pathname + target.search };
  const isClosed = ratePerS === undefined;
  const run = { ratePerS: ratePerS ?? 1e6, durationUs: durationS * 1e6, seed: 1 };
  return runLoad({
    target,
    classes: [{ name: 'all', request: answers, deadlineUs: () => DEADLINE_US }],
    schedule: poissonMix([{ share: 1 }], run),
    mode: isClosed ? 'closed-loop' : 'open-loop',
    connections: isClosed ? PEAK_CONNECTIONS : CONNECTIONS,
    endUs: durationS * 1e6,
    timeoutUs: 2e6,
    graceUs: 500_000,
    waitingMax: isClosed ? undefined : 0,
  });
}

/** Requests at their times until it is stopped, each measured from its time. */
function probeAdmin(admin: string): () => Promise<number[]> {
  const latenciesMs: number[] = [];
  const asked: Promise<void>[] = [];
  const ask = async (): Promise<void> => {
    const begunMs = performance.now();
    try {
      const signal = AbortSignal.timeout(ADMIN_LIMIT_MS);
      await (await fetch(`${admin}/status`, { signal })).arrayBuffer();
    } catch {
      // it counts with the time that it took to fail
    }
    latenciesMs.push(performance.now() - begunMs);
  };
  const timer = setInterval(() => asked.push(ask()), ADMIN_GAP_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(asked);
    return latenciesMs;
  };
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN;
}

async function measure(
  context: BenchContext,
  server: Server,
  kind: Kind,
  into: Samples,
): Promise<void> {
  const durationS = context.quick ? 3 : 6;
  const peak = await load(server, kind, durationS);
  const stop = probeAdmin(server.admin);
  const over = await load(server, kind, durationS, 5 * peak.goodputRps);
  const adminMs = await stop();
  into.goodput.push(over.goodputRps / peak.goodputRps);
  into.adminMs.push(p99(adminMs));
  context.note(`${kind.path}: peak ${said(peak)}; at five times that ${said(over)}`);
  await delay(500);
}

function said({ offeredRps, goodputRps, counts, sendLagUs }: LoadReport): string {
  const lag = `send lag p99 ${(sendLagUs.p99 / 1000).toFixed(1)} ms`;
  const { sent, dropped, neverSent } = counts;
  const others = `sent ${sent}, dropped ${dropped}, never sent ${neverSent}`;
  const statuses = JSON.stringify(counts.statuses);
  return `${goodputRps.toFixed(0)} of ${offeredRps.toFixed(0)}/s (${others}, ${statuses}, ${lag})`;
}

/** What a server still does when five times as much comes as it can do. */
export const overloadArea: BenchArea = {
  name: 'overload',
  summary: 'goodput at five times the peak load, and the admin API meanwhile',
  async run(context) {
    const functions = [
      {
        name: 'fib',
        path: join(context.root, 'functions/fibonacci.wasm'),
        route: '/fib',
        relativeDeadlineUs: DEADLINE_US,
        onLate: 'drop-unstarted',
      },
    ];
    const tenants = [{ name: 'bench', port: 0, functions }];
    const config = { admin: { port: 0 }, admission: 'deadline', tenants };
    const { server, admin = '' } = await startSledgeAs(context, config);
    const samples = KINDS.map((): Samples => ({ goodput: [], adminMs: [] }));
    try {
      const at = { target: new URL(server.url), admin };
      for (const kind of KINDS) await load(at, kind, 1);
      for (let round = 0; round < (context.quick ? 2 : 5); round += 1) {
        for (const [index, kind] of KINDS.entries()) {
          await measure(context, at, kind, samples[index] as Samples);
        }
      }
    } finally {
      await server.stop();
    }
    return KINDS.flatMap(({ name }, index): Figure[] => [
      figure(`goodput_5x${name}`, 'ratio', samples[index]?.goodput ?? []),
      figure(`admin_p99${name}`, 'ms', samples[index]?.adminMs ?? []),
    ]);
  },
};
