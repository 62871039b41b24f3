import type { SledgeConfig } from '../config/schema';
import { workerGroups } from '../config/worker-groups';
import type { DataPlane } from '../contracts/data-plane';
import type { LiveTenant } from '../functions/live-tenant';
import type { LoadedFunction } from '../functions/live-function';
import { FunctionSeries } from '../metrics/series';
import { metricSources } from '../metrics/sources';
import type { MetricSources } from '../metrics/table';

/** What a server is at the moment. */
export interface ServerState extends Pick<MetricSources, 'isReady' | 'stats' | 'placement'> {
  readonly plane: DataPlane | undefined;
  readonly functions: readonly LoadedFunction[];
  readonly tenants: readonly Pick<LiveTenant, 'name' | 'index'>[];
}

/** Looks at everything that is counted. Main thread. */
export class ServerMetrics {
  private readonly series: FunctionSeries;
  private readonly groups: readonly (string | undefined)[];
  private reading: Promise<void> | undefined;

  constructor(
    config: SledgeConfig,
    private readonly state: () => ServerState,
  ) {
    this.series = new FunctionSeries(config.metrics.functions);
    this.groups = workerGroups(config).map(({ name }) => name);
  }

  /** At once; what functions without metrics of their own count together is as of the last look. */
  now(): MetricSources {
    this.reading ??= this.refresh().finally(() => (this.reading = undefined));
    this.reading.catch(() => undefined); // whoever reads for itself is told
    return this.look();
  }

  /** With all of it. */
  async read(): Promise<MetricSources> {
    await this.refresh();
    return this.look();
  }

  private look(): MetricSources {
    const { plane, functions, tenants, ...server } = this.state();
    const counted = { series: this.series, functions };
    return metricSources(plane, counted, this.groups, server, tenants);
  }

  private async refresh(): Promise<void> {
    const { plane, functions } = this.state();
    if (plane !== undefined) await this.series.refresh(plane, functions);
  }
}
