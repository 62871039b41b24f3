import type { BenchArea, BenchContext } from '../area';
import { callEach, mappings, memoryKib, randomScript, startMany } from '../density/server';
import type { DensityServer } from '../density/server';
import { deployCached } from '../density/deploy';
import { densityModules } from '../density/modules';
import type { DensityModules } from '../density/modules';
import { scrapeOnce } from '../density/scrape';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { load } from '../wrk';

/** As in SLEdgeScale's experiment. */
const FUNCTIONS = 18_000;
const CALLED = [1, 10, 100, 1000, 10_000, FUNCTIONS] as const;
/** As many as have a slot, so that all of them are warm at once. */
const WARM = 1000;
const CONNECTIONS = 64;
const SCRAPES = 5;
const DEPLOYS = 20;

/** Requests per second, by how many functions are called at random. */
async function throughput(context: BenchContext, { server }: DensityServer): Promise<Figure[]> {
  const rounds = context.quick ? 1 : 5;
  const seconds = context.quick ? 1 : 3;
  const samples = new Map(CALLED.map((count) => [count, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const count of CALLED) {
      const script = randomScript(context, count);
      const { requestsPerSecond } = await load(server.url, CONNECTIONS, seconds, { script });
      samples.get(count)?.push(requestsPerSecond);
    }
    context.note(`round ${round + 1} of ${rounds}`);
  }
  return CALLED.map((count) => figure(`throughput_${count}`, '1/s', samples.get(count) ?? []));
}

/** What a function takes that was deployed, that is warm, and that was called some time. */
async function memory(
  context: BenchContext,
  modules: DensityModules,
  { server }: DensityServer,
  emptyKib: number,
): Promise<Figure[]> {
  const idleKib = await memoryKib(server);
  await callEach(server, modules, WARM);
  const warmKib = await memoryKib(server);
  await callEach(server, modules, FUNCTIONS);
  const loadedKib = await memoryKib(server);
  context.note(`${mappings(server)} mappings with ${FUNCTIONS} modules loaded`);
  return [
    figure('rss_per_idle_function', 'KiB', [(idleKib - emptyKib) / (FUNCTIONS - 1)]),
    figure('rss_per_warm_function', 'KiB', [(warmKib - idleKib) / WARM]),
    figure('rss_per_loaded_function', 'KiB', [(loadedKib - warmKib) / (FUNCTIONS - WARM)]),
  ];
}

async function scrapes(
  context: BenchContext,
  modules: DensityModules,
  { server }: DensityServer,
): Promise<Figure[]> {
  const path = `/${modules.copies[0]?.text ?? ''}`;
  const all = [];
  for (let round = 0; round < SCRAPES; round += 1) {
    all.push(await scrapeOnce(context, server, path));
  }
  return [
    figure(
      'scrape',
      'ms',
      all.map(({ ms }) => ms),
    ),
    figure(
      'scrape_lines',
      'lines',
      all.map(({ lines }) => lines),
    ),
    figure(
      'scrape_worst_call',
      'ms',
      all.map(({ worstCallMs }) => worstCallMs),
    ),
  ];
}

async function emptyServerKib(context: BenchContext, modules: DensityModules): Promise<number> {
  const { server } = await startMany(context, modules, 1);
  try {
    return await memoryKib(server);
  } finally {
    await server.stop();
  }
}

/** Thousands of functions in one process: what each takes, and what a call of any costs. */
export const densityArea: BenchArea = {
  name: 'density',
  summary: `${FUNCTIONS} functions in one process: memory, throughput, scrape and deploy`,
  async run(context) {
    const modules = await densityModules(context, FUNCTIONS + DEPLOYS);
    const emptyKib = await emptyServerKib(context, modules);
    const many = await startMany(context, modules, FUNCTIONS);
    try {
      context.note(`${FUNCTIONS} functions, served after ${many.startSeconds.toFixed(1)} s`);
      return [
        figure('start_18000', 's', [many.startSeconds]),
        ...(await memory(context, modules, many, emptyKib)),
        ...(await throughput(context, many)),
        ...(await scrapes(context, modules, many)),
        figure('deploy_cached', 'ms', await deployCached(context, modules, DEPLOYS)),
      ];
    } finally {
      await many.server.stop();
    }
  },
};
