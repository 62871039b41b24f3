import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchArea, BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { LineProcess } from '../line-process';
import { interleave, pairedRatios } from '../rounds';
import type { Variant } from '../rounds';
import { startSledgeAs } from '../server-process';
import type { ServerProcess } from '../server-process';
import { CLI } from '../sledge';
import { load } from '../wrk';
import { coreFigures } from './rpc-core';
import { dpdkFigures } from './rpc-dpdk';

const run = promisify(execFile);
const ROUNDS = { quick: 5, full: 11 };
const ROUND_TRIPS = { quick: 5_000, full: 20_000 };
const MESSAGES = { quick: 50, full: 200 };
const CALLS = { quick: [5_000, 50_000], full: [10_000, 200_000] } as const;
/** Clients run here; servers where they like. */
const CLIENT_CORE = 0;
const CONNECTIONS = 64;
const SESSIONS = 8;
const TYPES = { empty: 1, echo: 2 } as const;

const sizeOf = ({ quick }: BenchContext) => (quick ? 'quick' : 'full');

function tenantsOf(context: BenchContext): object[] {
  const fn = (name: keyof typeof TYPES) => ({
    name,
    path: join(context.root, `functions/${name}.wasm`),
    route: name === 'empty' ? '/' : `/${name}`,
    requestType: TYPES[name],
  });
  return [{ name: 'bench', port: 0, functions: [fn('empty'), fn('echo')] }];
}

/** The worker polls: on two cores nothing else is left to a server. */
function configOf(
  context: BenchContext,
  responseFormat: string,
  idle: 'spin' | 'adaptive',
): object {
  const transports = [
    ['http', {}],
    ['erpc', { port: 0, responseFormat, pollers: 'inline', idle }],
  ];
  return { transports, tenants: tenantsOf(context) };
}

/** Sockets alone: RPCs of the core, and of a function in its sandbox, beside plain UDP. */
async function udpFigures(context: BenchContext): Promise<Figure[]> {
  const program = join(context.root, 'build/native/src/rpc/bench/rpc_udp_bench');
  const peer = new LineProcess(program, []);
  const { server, ports } = await startSledgeAs(context, configOf(context, 'raw', 'spin'));
  const ask = async (line: string): Promise<number> => Number(await peer.ask(line));
  const count = ROUND_TRIPS[sizeOf(context)];
  const messages = MESSAGES[sizeOf(context)];
  const variant = <Name extends string>(name: Name, line: string): Variant<Name> => ({
    name,
    sample: () => ask(line),
  });
  const sandbox: Variant<'sandbox'> = {
    name: 'sandbox',
    async sample() {
      server.resume();
      const value = await ask(`server_rtt ${ports['erpc']} ${TYPES.echo} ${count}`);
      server.pause();
      return value;
    },
  };
  server.pause();
  try {
    const rounds = ROUNDS[sizeOf(context)];
    const trips = await interleave(
      [variant('plain', `plain_rtt ${count}`), variant('core', `core_rtt ${count}`), sandbox],
      rounds,
    );
    const bulk = await interleave(
      [variant('blast', `plain_blast ${messages}`), variant('bulk', `bulk ${messages}`)],
      rounds,
    );
    return [
      figure('udp_rtt_vs_raw', 'ratio', pairedRatios(trips.sandbox, trips.plain)),
      figure('udp_rtt_core_vs_raw', 'ratio', pairedRatios(trips.core, trips.plain)),
      figure('udp_rtt', 'ns', trips.sandbox),
      figure('udp_rtt_core', 'ns', trips.core),
      figure('udp_rtt_raw', 'ns', trips.plain),
      ...(await dpdkFigures(context, program, { rounds, count })),
      figure('bulk_vs_acked_blast', 'ratio', pairedRatios(bulk.bulk, bulk.blast)),
      figure('bulk', 'MB/s', bulk.bulk.map(toMegabytes)),
      figure('acked_blast', 'MB/s', bulk.blast.map(toMegabytes)),
    ];
  } finally {
    server.resume();
    await Promise.all([peer.stop(), server.stop()]);
  }
}

const toMegabytes = (bytes: number): number => bytes / 1e6;

interface ClosedRun {
  latencyUs: { p50: number };
  answeredRps: number;
  counts: { statuses: Record<string, number> };
}

/**
 * `sledge load` in closed loop, on its core.
 * @param good name of the status that every answer must have
 * @throws Error unless they have
 */
async function closedLoop(calls: number, good: string, flags: string[]): Promise<ClosedRun> {
  const fixed = ['--closed', '--json', '--warmup', '0', '--duration', '60'];
  const args = [process.execPath, CLI, 'load', ...fixed, '--requests', String(calls), ...flags];
  const { stdout } = await run('taskset', ['-c', String(CLIENT_CORE), ...args], {
    maxBuffer: 16 << 20,
  });
  const [result] = (JSON.parse(stdout) as { runs: ClosedRun[] }).runs;
  if (result?.counts.statuses[good] !== calls) {
    throw new Error(`not every call completed: ${JSON.stringify(result?.counts)}`);
  }
  return result;
}

/** The same function over HTTP, as a server has it by default, and over eRPC. */
async function httpFigures(context: BenchContext): Promise<Figure[]> {
  const started: ServerProcess[] = [];
  const start = async (config: object) => {
    const made = await startSledgeAs(context, config);
    started.push(made.server);
    made.server.pause();
    return made;
  };
  try {
    const web = await start({ tenants: tenantsOf(context) });
    const both = await start(configOf(context, 'sledge', 'adaptive'));
    return await compareWithHttp(context, web.server, both.server, both.ports['erpc'] ?? 0);
  } finally {
    for (const server of started) server.resume();
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** What it measures while the server runs; all others are stopped. */
const awake =
  (server: ServerProcess, measure: () => Promise<number>): (() => Promise<number>) =>
  async () => {
    server.resume();
    try {
      return await measure();
    } finally {
      server.pause();
    }
  };

async function compareWithHttp(
  context: BenchContext,
  web: ServerProcess,
  both: ServerProcess,
  port: number,
): Promise<Figure[]> {
  const [few, many] = CALLS[sizeOf(context)];
  const seconds = context.quick ? 1 : 2;
  const rpc = ['--rpc', `127.0.0.1:${port}/${TYPES.empty}`];
  // One outstanding: both clients spin. Many: both sleep, and leave their core to the server.
  const spin = ['--spin-us', '1000000'];
  const oneRpc = [...rpc, ...spin, '--sessions', '1', '--outstanding', '1'];
  const oneHttp = ['--target', web.url, ...spin, '--connections', '1'];
  const oneBeside = ['--target', both.url, ...spin, '--connections', '1'];
  const manyRpc = [...rpc, '--spin-us', '0', '--sessions', String(SESSIONS)];
  const p50 = async (good: string, flags: string[]) =>
    (await closedLoop(few, good, flags)).latencyUs.p50;
  const samples = await interleave(
    [
      { name: 'httpUs', sample: awake(web, () => p50('200', oneHttp)) },
      { name: 'rpcUs', sample: awake(both, () => p50('completed', oneRpc)) },
      { name: 'besideUs', sample: awake(both, () => p50('200', oneBeside)) },
      {
        name: 'httpRate',
        sample: awake(
          web,
          async () =>
            (await load(web.url, CONNECTIONS, seconds, { core: CLIENT_CORE })).requestsPerSecond,
        ),
      },
      {
        name: 'rpcRate',
        sample: awake(both, async () => (await closedLoop(many, 'completed', manyRpc)).answeredRps),
      },
    ],
    ROUNDS[sizeOf(context)],
  );
  return [
    figure('latency_http_vs_rpc', 'ratio', pairedRatios(samples.httpUs, samples.rpcUs)),
    figure('latency_http', 'us', samples.httpUs),
    figure('latency_http_beside', 'us', samples.besideUs),
    figure('latency_rpc', 'us', samples.rpcUs),
    figure('throughput_rpc_vs_http', 'ratio', pairedRatios(samples.rpcRate, samples.httpRate)),
    figure('throughput_rpc', '1/s', samples.rpcRate),
    figure('throughput_http', '1/s', samples.httpRate),
  ];
}

/** eRPC from the core alone up to a function in its sandbox. */
export const rpcArea: BenchArea = {
  name: 'rpc',
  summary: 'RPCs against plain UDP and against HTTP, and the protocol core alone',
  async run(context) {
    context.note('clients on core 0; pollers inline: of udp_rtt spinning, else adaptive');
    return [
      ...(await coreFigures(context)),
      ...(await udpFigures(context)),
      ...(await httpFigures(context)),
    ];
  },
};
