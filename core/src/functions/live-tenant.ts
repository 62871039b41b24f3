import type { TenantView } from '../contracts/kinds';
import type { TenantConfig } from '../config/schema';
import type { LiveFunction, LoadedFunction } from './live-function';

export type TenantSettings = Omit<TenantConfig, 'functions'>;

/** A tenant with its functions. Its view is made anew only when transports must see a change. */
export class LiveTenant {
  readonly functions = new Map<string, LiveFunction>();
  private made: TenantView | undefined;

  /**
   * @param index in the data plane
   * @param source who made it
   */
  constructor(
    public settings: TenantSettings,
    readonly index: number,
    readonly source: 'config' | 'deployed',
  ) {}

  get name(): string {
    return this.settings.name;
  }

  /** Without the functions that nothing serves. */
  get view(): TenantView {
    const { name, port, host, hostNames, pathPrefix, tls, keysFile } = this.settings;
    this.made ??= {
      name,
      port,
      host,
      hostNames,
      pathPrefix,
      tls: tls === 'none' ? undefined : tls,
      keysFile,
      functions: [...this.functions.values()].flatMap(({ handle }) => handle ?? []),
    };
    return this.made;
  }

  /** To be called when transports must see another view. */
  changed(): void {
    this.made = undefined;
  }

  handles(): readonly LoadedFunction[] {
    return this.view.functions as LoadedFunction[];
  }
}
