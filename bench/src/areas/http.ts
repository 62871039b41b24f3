import { join } from 'node:path';
import type { BenchArea, BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { processCpuSeconds } from '../machine';
import { pairedRatios } from '../rounds';
import { startFastify, startSledge, startWorkerd } from '../server-process';
import type { ServerProcess } from '../server-process';
import { load } from '../wrk';

const CONNECTIONS = 64;
const PEERS = ['sledge', 'fastify', 'workerd', 'nodeV8'] as const;
type Peer = (typeof PEERS)[number];

interface Samples {
  /** Requests per second. */
  throughput: number[];
  /** CPU time of the server per request, us. */
  cpuUs: number[];
  /** Median latency with one connection, us. */
  latencyUs: number[];
}

/** Starts them one after another into `servers`, so that a failure leaves none behind. */
async function startAll(
  context: BenchContext,
  servers: Partial<Record<Peer, ServerProcess>>,
): Promise<Record<Peer, ServerProcess>> {
  const wasm = join(context.root, 'functions/empty.wasm');
  const sledge = (servers.sledge = await startSledge(context, wasm));
  const fastify = (servers.fastify = await startFastify());
  const workerd = (servers.workerd = await startWorkerd(context, wasm));
  const nodeV8 = (servers.nodeV8 = await startFastify(wasm));
  return { sledge, fastify, workerd, nodeV8 };
}

async function sample(server: ServerProcess, durationS: number, into: Samples): Promise<void> {
  const before = processCpuSeconds(server.pid);
  const result = await load(server.url, CONNECTIONS, durationS);
  const cpuSeconds = processCpuSeconds(server.pid) - before;
  into.throughput.push(result.requestsPerSecond);
  into.cpuUs.push((cpuSeconds * 1e6) / result.requests);
}

async function sampleLatency(server: ServerProcess, durationS: number, into: Samples) {
  into.latencyUs.push((await load(server.url, 1, durationS)).p50Us);
}

async function measure(
  context: BenchContext,
  servers: Record<Peer, ServerProcess>,
): Promise<Record<Peer, Samples>> {
  const rounds = context.quick ? 5 : 15;
  const durationS = context.quick ? 1 : 2;
  const empty = (): Samples => ({ throughput: [], cpuUs: [], latencyUs: [] });
  const samples: Record<Peer, Samples> = {
    sledge: empty(),
    fastify: empty(),
    workerd: empty(),
    nodeV8: empty(),
  };
  for (const peer of PEERS) await load(servers[peer].url, CONNECTIONS, durationS);
  for (let round = 0; round < rounds; round += 1) {
    const order = PEERS.map((_, i) => PEERS[(i + round) % PEERS.length] ?? 'sledge');
    for (const peer of order) await sample(servers[peer], durationS, samples[peer]);
    await sampleLatency(servers.fastify, 1, samples.fastify);
    await sampleLatency(servers.sledge, 1, samples.sledge);
    context.note(`round ${round + 1} of ${rounds}`);
  }
  return samples;
}

function summarise({ sledge, fastify, workerd, nodeV8 }: Record<Peer, Samples>): Figure[] {
  const against = (peer: Samples): number[] => pairedRatios(sledge.throughput, peer.throughput);
  const added = sledge.latencyUs.map((value, round) => value - (fastify.latencyUs[round] ?? 0));
  return [
    figure('throughput_vs_fastify', 'ratio', against(fastify)),
    figure('throughput_vs_workerd', 'ratio', against(workerd)),
    figure('throughput_vs_node_v8_instance', 'ratio', against(nodeV8)),
    figure('server_cpu_vs_fastify', 'ratio', pairedRatios(sledge.cpuUs, fastify.cpuUs)),
    figure('latency_added_c1', 'us', added),
    figure('throughput_sledge', '1/s', sledge.throughput),
    figure('throughput_fastify', '1/s', fastify.throughput),
    figure('throughput_workerd', '1/s', workerd.throughput),
    figure('throughput_node_v8_instance', '1/s', nodeV8.throughput),
  ];
}

/** A fresh sandbox per request over HTTP, beside a bare handler and other ways of isolation. */
export const httpArea: BenchArea = {
  name: 'http',
  summary: 'requests over HTTP against bare fastify, workerd and V8 instances',
  async run(context) {
    context.note('64 connections by wrk; `empty`; idle policy as by default (adaptive)');
    const started: Partial<Record<Peer, ServerProcess>> = {};
    try {
      return summarise(await measure(context, await startAll(context, started)));
    } finally {
      await Promise.all(Object.values(started).map((server) => server.stop()));
    }
  },
};
