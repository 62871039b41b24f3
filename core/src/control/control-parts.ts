import type { Logger } from 'pino';
import type { SledgeConfig } from '../config/schema';
import type { DataPlane } from '../contracts/data-plane';
import type { BuildRequest, SandboxInstance, TenantView } from '../contracts/kinds';
import type { FunctionRegistry } from '../functions/function-registry';
import type { FunctionStore } from './function-store';

/** What live control works on. */
export interface ControlParts {
  readonly config: SledgeConfig;
  readonly plane: DataPlane;
  readonly registry: FunctionRegistry;
  readonly sandbox: SandboxInstance;
  readonly store: FunctionStore;
  readonly build: Pick<BuildRequest, 'cacheDirectory' | 'level' | 'readsTime'>;
  readonly logger: Logger;
  /** Tells transports; resolves when they serve what there is now. */
  readonly publish: () => Promise<void>;
  /** Takes what transports need for a tenant that is about to be so; the result gives it back. */
  readonly prepareTenant: (tenant: TenantView) => Promise<() => Promise<void>>;
}
