import { SledgeError } from '@sledge/core';
import { allowedCores } from '@sledge/core/host';
import { calibrateHash, poissonMix, roundsFor, runLoad } from '../load';
import type { Calibration, LoadClass, LoadReport } from '../load';
import type { CompareEngine, EngineRun, RunRequest } from './engine';
import type { AnyWorkload, Experiment, LiveExperiment, Variant } from './experiment';
import { drawUs, liveWorkloadSchema, scaled, workloadMeanUs } from './live-workload';
import type { LiveClass, LiveWorkload } from './live-workload';
import { ServerProcess } from './server-process';

/** The generator's own delay, beside the median sojourn time, that makes a run doubtful. */
const LAG_DOUBT = 0.1;

/** How to start a server: `sledge start` of this installation, and its functions. */
export interface LiveSettings {
  /** Such as [process.execPath, 'sledge.js']. */
  readonly command: readonly string[];
}

/**
 * Variants on the live runtime over HTTP: a server process each (idle but for its turn), and the
 * native load generator in another. Each class is a function of its own, `hash`, whose rounds make
 * the service times.
 */
export class LiveEngine implements CompareEngine {
  readonly labels: string[] = [];
  private readonly workload: LiveWorkload;
  private readonly servers = new Map<string, ServerProcess>();
  private readonly calibrations = new Map<string, Calibration>();

  /** @param workload as `parseExperiment` leaves it. @throws as the constructor */
  static of(experiment: Experiment, workload: AnyWorkload, settings: LiveSettings): LiveEngine {
    const parsed = liveWorkloadSchema.parse(workload);
    return new LiveEngine({ ...experiment, workload: parsed }, settings);
  }

  /** @throws SledgeError SLEDGE_ERR_CLI_USAGE: more workers than the machine has room for */
  constructor(
    private readonly experiment: LiveExperiment,
    private readonly settings: LiveSettings,
  ) {
    this.workload = scaled(experiment.workload, experiment.scale);
    const cores = allowedCores().length;
    const { workers, engine, allowOversubscription } = experiment;
    if (engine !== 'live' || workers <= cores - 1) return;
    const reason = `${workers} workers and a load generator on ${cores} cores measure each other`;
    if (!allowOversubscription) {
      const way = 'take fewer workers, --simulated, or --oversubscribe to have it labelled';
      throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason: `${reason}; ${way}` });
    }
    this.labels.push(reason);
  }

  async start(): Promise<void> {
    const meanUs = workloadMeanUs(this.workload);
    for (const variant of this.experiment.variants) {
      if (variant.server === undefined) {
        const config = serverConfig(this.experiment, this.workload, variant);
        const server = await ServerProcess.start(this.settings.command, config);
        this.servers.set(variant.name, server);
      }
      const path = pathOf(this.workload.classes[0] as LiveClass);
      this.calibrations.set(
        variant.name,
        await calibrateHash({ target: this.targetOf(variant) }, path, meanUs),
      );
    }
  }

  async run({ variant, load, seed, signal }: RunRequest): Promise<EngineRun> {
    const { durationS, warmupS, workers } = this.experiment;
    const ratePerS = ((load * workers) / workloadMeanUs(this.workload)) * 1e6;
    const at = (seconds: number, runSeed: number) =>
      this.load(variant, { ratePerS, durationUs: seconds * 1e6, seed: runSeed }, signal);
    if (warmupS > 0) await at(warmupS, seed + 2 ** 20);
    return engineRun(await at(durationS, seed));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.stop()));
    this.servers.clear();
  }

  private targetOf(variant: Variant): URL {
    return new URL(variant.server ?? this.servers.get(variant.name)?.url ?? '');
  }

  private load(
    variant: Variant,
    run: Parameters<typeof poissonMix>[1],
    signal: AbortSignal | undefined,
  ): Promise<LoadReport> {
    const calibration = this.calibrations.get(variant.name) as Calibration;
    const { classes } = this.workload;
    return runLoad({
      target: this.targetOf(variant),
      classes: classes.map((one) => loadClass(one, calibration)),
      schedule: poissonMix(
        classes.map((one) => ({
          share: one.share,
          argument: (uniform) => roundsFor(calibration, drawUs(one, uniform)),
        })),
        run,
      ),
      connections: this.experiment.connections,
      signal,
    });
  }
}

const pathOf = ({ name }: LiveClass): string => `/${name}?{n}`;

/** Where deadlines depend on the service time, each request tells the server of its own. */
function loadClass(one: LiveClass, { nsPerRound }: Calibration): LoadClass {
  const serviceUs = (rounds: number): number => (rounds * nsPerRound) / 1000;
  const { deadlineUs, deadlineFactor } = one;
  const isOwn = deadlineUs === undefined && typeof one.service !== 'number';
  const told = isOwn && { deadlineUsPerArgument: deadlineFactor * serviceUs(1) };
  return {
    name: one.name,
    request: { path: pathOf(one), ...told },
    serviceUs,
    deadlineUs: (rounds) => deadlineUs ?? deadlineFactor * serviceUs(rounds),
  };
}

function serverConfig(
  { workers, connections }: LiveExperiment,
  { classes }: LiveWorkload,
  { dispatcher, scheduler, estimator, admission, config }: Variant,
): Record<string, unknown> {
  const policies = Object.entries({ dispatcher, scheduler, estimator, admission });
  return {
    transports: [['http', { host: '127.0.0.1' }]],
    limits: { maxInvocations: Math.max(4096, connections) },
    ...config,
    workers: { count: workers, ...(config.workers as object | undefined) },
    ...Object.fromEntries(policies.filter(([, value]) => value !== undefined)),
    tenants: [
      {
        name: 'lab',
        port: 0,
        functions: classes.map((one, at) => ({
          name: one.name,
          path: ServerProcess.functionFile('hash'),
          route: `/${one.name}`,
          requestType: at + 1,
          group: at,
          expectedExecutionUs: Math.max(1, Math.round(meanOf(one))),
          relativeDeadlineUs: Math.max(
            1,
            Math.round(one.deadlineUs ?? one.deadlineFactor * meanOf(one)),
          ),
        })),
      },
    ],
  };
}

const meanOf = ({ service }: LiveClass): number =>
  typeof service === 'number' ? service : service.meanUs;

function engineRun(report: LoadReport): EngineRun {
  const { counts, sendLagUs, latencyUs, series, offeredRps, goodputRps } = report;
  const failed = Object.values(counts.failures).reduce((sum, one) => sum + one, 0);
  const lost = counts.dropped + counts.neverSent;
  const none = { mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
  const { planned, sent, late, dropped, neverSent, answered } = counts;
  const missed = report.classes.reduce((sum, one) => sum + (one.missRate ?? 0) * one.planned, 0);
  return {
    offeredRps,
    goodputRps,
    missRate: missed / Math.max(1, planned),
    slowdown: report.slowdown ?? none,
    classes: report.classes.map((one) => ({
      name: one.name,
      requests: one.planned,
      sojournUs: one.latencyUs,
      slowdown: one.slowdown ?? none,
      missRate: one.missRate ?? 0,
      cdf: one.cdf,
    })),
    series,
    counts: { planned, sent, late, dropped, neverSent, answered, failed },
    doubts: [
      ...(lost > 0 ? [`${lost} requests were planned and not sent`] : []),
      ...(failed > 0 ? [`${failed} requests had no answer`] : []),
      ...(sendLagUs.p50 > LAG_DOUBT * latencyUs.p50
        ? [`the generator was ${sendLagUs.p50.toFixed(0)} us behind at the median`]
        : []),
    ],
  };
}
