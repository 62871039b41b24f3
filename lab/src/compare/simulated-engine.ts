import { SledgeError } from '@sledge/core';
import type { RequestClassSpec, WorkloadSpec } from '@sledge/core';
import { cdfOf } from '../load/summarise';
import { loadCosts, loadPlacement, loadPolicies, runCells } from '../simulate';
import type {
  Cell,
  CellHistograms,
  CostModel,
  FullCellResult,
  PlacementForm,
  Policies,
  Summary,
} from '../simulate';
import { LatencyHistogram } from '../statistics';
import { loadWorkload, scaledWorkload } from '../workloads';
import type { CompareDocument } from './document';
import type { CompareEngine, EngineRun, OnRun, RunRequest } from './engine';
import type { AnyWorkload, Experiment, Variant } from './experiment';
import type { LiveClass, LiveWorkload } from './live-workload';

const NS_PER_US = 1000;
const MILLI = 1000;

export interface SimulatedSettings {
  /** Where relative paths of policies, workloads and costs start. */
  readonly folder: string;
  /** Default: one per core. The results are the same for any number. */
  readonly threads?: number | undefined;
}

/** Variants in virtual time, on worker threads: the dispatch core with a machine's costs. */
export class SimulatedEngine implements CompareEngine {
  readonly labels: string[] = [];
  private readonly model: CostModel;
  private readonly policies = new Map<
    string,
    Policies & { placement: PlacementForm | undefined }
  >();
  private workload: WorkloadSpec | undefined;

  /** @throws SledgeError SLEDGE_ERR_LAB_COSTS */
  constructor(
    private readonly experiment: Experiment,
    private readonly given: AnyWorkload,
    private readonly settings: SimulatedSettings,
  ) {
    this.model = loadCosts(experiment.costs, settings.folder);
    this.labels.push(`in virtual time; costs (${experiment.costs}): ${this.model.source}`);
    const live = experiment.variants.filter(({ config }) => Object.keys(config).length > 0);
    if (live.length === 0) return;
    this.labels.push(`config of ${live.map(({ name }) => name).join(', ')} is for a live server`);
  }

  get facts(): CompareDocument['machine'] {
    const { workers, cluster } = this.experiment;
    const nodes = cluster && { nodes: cluster.nodes };
    return { simulated: true, workers, ...nodes, ...this.model.costs };
  }

  /** Loads and checks everything. @throws SledgeError of what is not valid */
  async start(): Promise<void> {
    const { folder } = this.settings;
    const { variants, scale } = this.experiment;
    this.workload = scaledWorkload(await workloadOf(this.given, folder), scale);
    for (const variant of variants) this.policies.set(variant.name, policiesOf(variant, folder));
  }

  async run(request: RunRequest): Promise<EngineRun> {
    const [one] = await this.runAll([request], () => undefined);
    return one as EngineRun;
  }

  async runAll(requests: readonly RunRequest[], onRun: OnRun): Promise<EngineRun[]> {
    const cells = requests.map((request) => this.cell(request));
    let share = 0;
    const results = await runCells(cells, {
      threads: this.settings.threads,
      onProgress: (done, total) => (share = done / total),
      onCell: (at) => onRun(at, Math.max(share, 1 / cells.length)),
      signal: requests[0]?.signal,
    });
    return results.map((full, at) => engineRun(full, cells[at] as Cell));
  }

  async stop(): Promise<void> {
    this.policies.clear();
  }

  private cell({ variant, load, seed }: RunRequest): Cell {
    const { requests, cluster } = this.experiment;
    const { costs, canPreempt, canMigrate } = this.model;
    const known = this.policies.get(variant.name);
    if (known === undefined || this.workload === undefined) {
      throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason: 'the engine was not started' });
    }
    const { placement, ...policies } = known;
    const workers = this.experiment.workers * (cluster?.nodes ?? 1);
    const machine = { workers, costs, canPreempt, canMigrate };
    return {
      workload: this.workload,
      ...policies,
      ...machine,
      load,
      requests,
      seed,
      hasSeries: cluster === undefined,
      cluster: cluster && { ...cluster, placement },
    };
  }
}

function policiesOf(variant: Variant, folder: string) {
  const { dispatcher = 'global-queue', scheduler = 'fifo', estimator, admission } = variant;
  const policies = loadPolicies({ dispatcher, scheduler, estimator, admission }, folder);
  return { ...policies, placement: loadPlacement(variant.placement ?? 'none', folder) };
}

async function workloadOf(given: AnyWorkload, folder: string): Promise<WorkloadSpec> {
  if (typeof given === 'string') return loadWorkload({ source: given }, folder);
  return 'arrivals' in given ? given : simulatedWorkload(given);
}

/** The same requests as the live engine would send. */
function simulatedWorkload({ name, classes }: LiveWorkload): WorkloadSpec {
  return {
    name,
    classes: classes.map((one, group) => ({ ...simulatedClass(one), group })),
    arrivals: { kind: 'poisson' },
  };
}

function simulatedClass({
  name,
  share,
  service,
  deadlineUs,
  deadlineFactor,
}: LiveClass): RequestClassSpec {
  return {
    name,
    share,
    service: typeof service === 'number' ? { shape: 'deterministic', us: service } : service,
    deadline: deadlineUs === undefined ? { timesService: deadlineFactor } : { us: deadlineUs },
  };
}

function engineRun({ result, histograms, series }: FullCellResult, { requests }: Cell): EngineRun {
  const merged = new LatencyHistogram();
  const { refused, dropped, preemptions, interrupts, cluster } = result;
  const classes = result.classes.map((one, at) => {
    const { sojournNs, slowdownMilli } = histograms[at] as CellHistograms;
    const [sojourns, slowdowns] = [new LatencyHistogram(), new LatencyHistogram()];
    sojourns.recordBuckets(sojournNs);
    slowdowns.recordBuckets(slowdownMilli);
    merged.recordBuckets(slowdownMilli);
    return {
      name: one.name,
      requests: one.requests + one.refused + one.dropped,
      sojournUs: distribution(one.sojournUs, sojourns, NS_PER_US),
      slowdown: distribution(one.slowdown, slowdowns, MILLI),
      missRate: one.missRate,
      cdf: cdfOf(slowdowns, MILLI),
    };
  });
  return {
    offeredRps: result.arrivalsPerSecond,
    goodputRps: result.goodputPerSecond,
    missRate: result.missRate,
    slowdown: distribution(result.slowdown, merged, MILLI),
    classes,
    series: [...series],
    counts: {
      planned: requests,
      answered: result.requests,
      refused,
      dropped,
      preemptions,
      interrupts,
      ...(cluster && { forwarded: cluster.forwarded, lost: cluster.lost }),
    },
    doubts: refused > 0 ? [`${refused} requests were refused: the queues were full`] : [],
  };
}

function distribution({ mean, p50, p99, p999, max }: Summary, of: LatencyHistogram, unit: number) {
  return { mean, p50, p90: of.percentile(90) / unit, p99, p999, max };
}
