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
    const functions = [...this.functions.values()].flatMap(({ handle }) => handle ?? []);
    this.made ??= viewOf(this.settings, functions);
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

/** As transports see a tenant of these settings. */
export function viewOf(settings: TenantSettings, functions: TenantView['functions']): TenantView {
  const { name, port, host, hostNames, pathPrefix, tls, keysFile } = settings;
  const files = { tls: tls === 'none' ? undefined : tls, keysFile };
  return { name, port, host, hostNames, pathPrefix, ...files, functions };
}
