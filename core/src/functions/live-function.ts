import type { FunctionHandle } from '../contracts/invocation';
import type { BuiltModule } from '../contracts/kinds';
import type { FunctionConfig } from '../config/schema';
import type { FunctionMetrics } from '../metrics/layout';
import type { TrafficSplit } from './traffic-split';

/** What serves the requests of one function: exchanged while handles of it are held. */
export class FunctionTarget {
  /** Current version in the data plane; -1: none. */
  id = -1;
  /** A call of that one has completed: its module was there. */
  isProven = false;
  /** Two versions share the requests. */
  split: TrafficSplit | undefined;
  /** All that the data plane has of it: those that serve, and those that end what they began. */
  readonly ids = new Set<number>();
  /** What versions that are gone had counted. */
  past: FunctionMetrics | undefined;
}

/** A handle that knows its function in the data plane. */
export class LoadedFunction implements FunctionHandle {
  readonly name: string;
  readonly route: string | undefined;
  readonly requestType: number | undefined;
  readonly responseContentType: string;
  readonly responseFormat: 'raw' | 'cgi';
  readonly relativeDeadlineUs: number | undefined;
  readonly maxBodyBytes: number;
  readonly methods: readonly string[] | undefined;
  readonly isOpen: boolean;
  readonly expectedExecutionUs: number | undefined;

  constructor(
    readonly tenant: string,
    readonly target: FunctionTarget,
    config: FunctionConfig,
  ) {
    this.name = config.name;
    this.route = config.route;
    this.requestType = config.requestType;
    this.responseContentType = config.responseContentType;
    this.responseFormat = config.responseFormat;
    this.relativeDeadlineUs = config.relativeDeadlineUs;
    this.maxBodyBytes = config.limits.bodyBytes;
    this.methods = config.methods;
    this.isOpen = config.keys === 'none';
    this.expectedExecutionUs = config.expectedExecutionUs;
  }

  /** Id in the data plane of the current version. */
  get id(): number {
    return this.target.id;
  }
}

/** One version of a function; 0 is the configuration's. */
export interface FunctionVersion {
  readonly version: number;
  /** sha256 of the .wasm, hex. */
  readonly hash: string;
  /** As it was deployed, without defaults. */
  readonly settings: object;
  /** In force: with defaults, and within the tenant's limits. */
  readonly config: FunctionConfig;
  /** ISO 8601. */
  readonly at: string;
  /** What was built of it; undefined: not in this process. */
  module?: BuiltModule | undefined;
  /** In the data plane; undefined: not loaded. */
  id?: number | undefined;
  /** Of the secrets that it was loaded with; undefined: it has none. */
  secretDigest?: string | undefined;
}

export const CONTROL_ACTIONS = [
  'deploy',
  'rollback',
  'split',
  'given-up',
  'serve-config',
  'failed',
] as const;

/** What was done to a function, and why when nobody asked for it. */
export interface ControlEvent {
  readonly at: string;
  readonly action: (typeof CONTROL_ACTIONS)[number];
  readonly version: number;
  readonly reason?: string | undefined;
}

/** A function of a tenant with all its versions. */
export class LiveFunction {
  readonly versions = new Map<number, FunctionVersion>();
  readonly target = new FunctionTarget();
  handle: LoadedFunction | undefined;
  /** The number of the version that serves, but for a split's share; -1: none does. */
  current = -1;
  /** What served before, the last one last. */
  previous: readonly number[] = [];
  nextVersion = 1;
  events: readonly ControlEvent[] = [];
  /** Why none of its versions serves. */
  failure: string | undefined;

  constructor(
    readonly tenant: string,
    readonly name: string,
  ) {}

  /** The version that serves. */
  get serving(): FunctionVersion | undefined {
    return this.versions.get(this.current);
  }

  /** From now on `version`, which is loaded, serves alone. */
  serve(version: FunctionVersion): void {
    this.current = version.version;
    this.failure = undefined;
    this.target.split?.end();
    this.target.split = undefined;
    this.target.isProven = false;
    this.target.id = version.id ?? -1;
  }

  /** Nothing serves from now on. */
  end(failure?: string): void {
    this.current = -1;
    this.failure = failure;
    this.handle = undefined;
    this.target.split?.end();
    this.target.split = undefined;
    this.target.id = -1;
  }

  /** Numbers that must stay loaded. */
  inUse(): Set<number> {
    const { split } = this.target;
    const both = split === undefined ? [] : [split.stable.version, split.trial.version];
    return new Set([this.current, ...both]);
  }
}
