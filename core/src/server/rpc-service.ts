import { setTimeout as delay } from 'node:timers/promises';
import type { DataPlane } from '../contracts/data-plane';
import type { FunctionHandle } from '../contracts/invocation';
import type { RpcServer, RpcServerOptions } from '../contracts/kinds';
import type { NativeRpcServer } from '../contracts/native-rpc';
import { SledgeError } from '../errors/sledge-error';
import type { LoadedFunction } from '../functions/function-registry';

const DRAIN_POLL_MS = 5;
/** How long a client may take to fetch the rest of its last answer. */
const FETCH_MS = 500;
/** eRPC's types are bytes, and the last one is reserved. */
const MAX_REQUEST_TYPE = 254;
/** No RPC is larger. */
const MAX_BODY_BYTES = 2 ** 40;
/** A share of all requests, as the native part has it. */
const SHARE_UNIT = 2 ** 32;

/** Functions of a data plane behind native RPC listeners. */
export class RpcService implements RpcServer {
  readonly #native: NativeRpcServer;

  /** @throws SledgeError SLEDGE_ERR_RPC_LISTEN, SLEDGE_ERR_RPC_ROUTES; then nothing listens. */
  constructor(plane: DataPlane, options: RpcServerOptions, onLine: (line: string) => void) {
    const routes = options.listeners.map(({ tenants }) =>
      tenants.map(({ functions }) => routesOf(functions)),
    );
    const listeners = options.listeners.map(({ tenants, ...end }) => ({
      ...end,
      clientPorts: tenants.map(({ clientPort }) => clientPort),
    }));
    if (plane.serveRpc === undefined) {
      const reason = 'this data plane takes no RPCs';
      throw new SledgeError('SLEDGE_ERR_RPC_LISTEN', { address: 'any address', reason });
    }
    this.#native = plane.serveRpc({ ...options, listeners }, onLine);
    routes.forEach((tenants, listener) =>
      tenants.forEach((of, tenant) => this.#native.setRoutes(listener, tenant, of)),
    );
  }

  get ports(): readonly number[] {
    return this.#native.ports;
  }

  setFunctions(listener: number, tenant: number, functions: readonly FunctionHandle[]): void {
    this.#native.setRoutes(listener, tenant, routesOf(functions));
  }

  counters(): Record<string, number> {
    return this.#native.counters();
  }

  async drain(): Promise<void> {
    const native = this.#native;
    native.drain();
    while (native.inFlight() > 0) await delay(DRAIN_POLL_MS);
    const limit = performance.now() + FETCH_MS;
    while (native.unfinished() > 0 && performance.now() < limit) await delay(DRAIN_POLL_MS);
  }

  stop(): void {
    this.#native.stop();
  }
}

function routesOf(functions: readonly FunctionHandle[]): number[] {
  return functions.flatMap((fn) => {
    const { requestType, maxBodyBytes, tenant, name } = fn;
    if (requestType === undefined) return [];
    if (requestType > MAX_REQUEST_TYPE) {
      const reason = `the request type ${requestType} of ${name} is above ${MAX_REQUEST_TYPE}`;
      throw new SledgeError('SLEDGE_ERR_RPC_ROUTES', { tenant, reason });
    }
    const { id, target } = fn as LoadedFunction;
    const [trial, share] = target.split?.trialShare ?? [0, 0];
    const unit =
      share > 0 ? Math.min(Math.max(1, Math.round(share * SHARE_UNIT)), SHARE_UNIT - 1) : 0;
    const { maxBodyBytes: trialBytes = 0 } = target.split?.trial ?? {};
    return [requestType, id, maxBodyBytes, trial, unit, Math.min(trialBytes, MAX_BODY_BYTES)];
  });
}
