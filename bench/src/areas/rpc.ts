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
const CALLS = { quick: [10_000, 50_000], full: [40_000, 200_000] } as const;
/** Clients run here; servers where they like. */
const CLIENT_CORE = 0;
const CONNECTIONS = 64;
const SESSIONS = 8;
const TYPES = { empty: 1, echo: 2 } as const;

const sizeOf = ({ quick }: BenchContext) => (quick ? 'quick' : 'full');

function configOf(context: BenchContext, responseFormat: string): object {
  const fn = (name: keyof typeof TYPES) => ({
    name,
    path: join(context.root, `functions/${name}.wasm`),
    route: name === 'empty' ? '/' : `/${name}`,
    requestType: TYPES[name],
  });
  const transports = [
    ['http', {}],
    ['erpc', { port: 0, responseFormat }],
  ];
  return {
    transports,
    tenants: [{ name: 'bench', port: 0, functions: [fn('empty'), fn('echo')] }],
  };
}

/** Sockets alone: RPCs of the core, and of a function in its sandbox, beside plain UDP. */
async function udpFigures(context: BenchContext): Promise<Figure[]> {
  const program = join(context.root, 'build/native/src/rpc/bench/rpc_udp_bench');
  const peer = new LineProcess(program, []);
  const { server, ports } = await startSledgeAs(context, configOf(context, 'raw'));
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
  answeredRps: number;
  latencyUs: { p50: number };
  counts: { planned: number; statuses: Record<string, number> };
}

/** @throws Error unless every call completes */
async function callRpc(port: number, calls: number, flags: string[]): Promise<ClosedRun> {
  const fixed = ['--closed', '--json', '--warmup', '0', '--spin-us', '1000000'];
  const target = ['--rpc', `127.0.0.1:${port}/${TYPES.empty}`, '--requests', String(calls)];
  const args = [process.execPath, CLI, 'load', ...target, ...fixed, ...flags];
  const { stdout } = await run('taskset', ['-c', String(CLIENT_CORE), ...args], {
    maxBuffer: 16 << 20,
  });
  const [result] = (JSON.parse(stdout) as { runs: ClosedRun[] }).runs;
  if (result?.counts.statuses['completed'] !== calls) {
    throw new Error(`not every call completed: ${JSON.stringify(result?.counts)}`);
  }
  return result;
}

/** The same function of one server, over HTTP and over eRPC. */
async function httpFigures(context: BenchContext): Promise<Figure[]> {
  const { server, ports } = await startSledgeAs(context, configOf(context, 'sledge'));
  try {
    return await compareWithHttp(context, server, ports['erpc'] ?? 0);
  } finally {
    await server.stop();
  }
}

async function compareWithHttp(
  context: BenchContext,
  server: ServerProcess,
  port: number,
): Promise<Figure[]> {
  const [few, many] = CALLS[sizeOf(context)];
  const seconds = context.quick ? 1 : 2;
  const wrk = (connections: number) => load(server.url, connections, seconds, CLIENT_CORE);
  const one = ['--sessions', '1', '--outstanding', '1', '--duration', '60'];
  const full = ['--sessions', String(SESSIONS), '--duration', '60'];
  const samples = await interleave(
    [
      { name: 'httpUs', sample: async () => (await wrk(1)).p50Us },
      { name: 'rpcUs', sample: async () => (await callRpc(port, few, one)).latencyUs.p50 },
      { name: 'httpRate', sample: async () => (await wrk(CONNECTIONS)).requestsPerSecond },
      { name: 'rpcRate', sample: async () => (await callRpc(port, many, full)).answeredRps },
    ],
    ROUNDS[sizeOf(context)],
  );
  return [
    figure('latency_http_vs_rpc', 'ratio', pairedRatios(samples.httpUs, samples.rpcUs)),
    figure('latency_http', 'us', samples.httpUs),
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
    context.note('clients spin on core 0; workers and pollers idle as by default (adaptive)');
    return [
      ...(await coreFigures(context)),
      ...(await udpFigures(context)),
      ...(await httpFigures(context)),
    ];
  },
};
