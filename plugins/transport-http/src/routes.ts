import type { FunctionHandle, TenantView } from '@sledge/core';

const SLASH = 47;
const DEFAULT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The functions at one route, with what every answer of it needs, made once. */
export interface Route {
  /** Which function answers a method; several may share a route with methods of their own. */
  readonly functions: ReadonlyMap<string, FunctionHandle>;
  /** With its tenant's prefix, without a slash at its end; '' is the root. */
  readonly path: string;
  /** Value of the Allow header. */
  readonly allow: string;
  /** Environ entries that are the same for every request to it, joined. */
  readonly environ: string;
}

/**
 * Which function answers a path: the exact route, else the longest one that is a prefix in whole
 * segments. Immutable: a listener swaps its table for another.
 */
export class RouteTable {
  readonly #routes = new Map<string, Route>();
  /** Lengths of the routes, longest first: a long path costs no more than the routes do. */
  readonly #lengths: readonly number[];

  /**
   * @param tenants each with a prefix of its own: what is below it is nobody else's.
   * @param environ Joined environ entries of the listener.
   */
  constructor(tenants: readonly Pick<TenantView, 'functions' | 'pathPrefix'>[], environ: string) {
    const byPath = new Map<string, Map<string, FunctionHandle>>();
    for (const { functions, pathPrefix = '' } of tenants) {
      if (pathPrefix !== '') {
        byPath.set(pathPrefix, byPath.get(pathPrefix) ?? new Map<string, FunctionHandle>());
      }
      for (const fn of functions) {
        if (fn.route === undefined) continue;
        const path = pathPrefix + fn.route.replace(/\/+$/, '');
        const methods = byPath.get(path) ?? new Map<string, FunctionHandle>();
        for (const method of fn.methods ?? DEFAULT_METHODS) methods.set(method, fn);
        byPath.set(path, methods);
      }
    }
    for (const [path, methods] of byPath) this.#routes.set(path, makeRoute(methods, path, environ));
    const lengths = new Set([...this.#routes.keys()].map((path) => path.length));
    this.#lengths = [...lengths].sort((a, b) => b - a);
  }

  /** @param path Starts with a slash, no query. */
  match(path: string): Route | undefined {
    const route = this.#find(path);
    return route?.functions.size === 0 ? undefined : route;
  }

  #find(path: string): Route | undefined {
    const exact = this.#routes.get(path);
    if (exact !== undefined) return exact;
    for (const length of this.#lengths) {
      if (path.charCodeAt(length) !== SLASH) continue;
      const route = this.#routes.get(path.slice(0, length));
      if (route !== undefined) return route;
    }
    return undefined;
  }
}

function makeRoute(
  functions: ReadonlyMap<string, FunctionHandle>,
  path: string,
  environ: string,
): Route {
  const allow = [...new Set([...functions.keys(), 'OPTIONS'])].join(', ');
  return { functions, path, allow, environ: `${environ}SCRIPT_NAME=${path}\0` };
}
