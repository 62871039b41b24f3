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
  /** Made when first asked for: of thousands of routes few are. */
  readonly #routes: Map<string, Route | FunctionHandle[]>;
  /** Lengths of the routes, longest first: a long path costs no more than the routes do. */
  readonly #lengths: readonly number[];

  /**
   * @param tenants each with a prefix of its own: what is below it is nobody else's.
   * @param environ Joined environ entries of the listener.
   */
  constructor(
    tenants: readonly Pick<TenantView, 'functions' | 'pathPrefix'>[],
    private readonly environ: string,
  ) {
    const byPath = new Map<string, FunctionHandle[]>();
    const add = (path: string, ...functions: FunctionHandle[]): void => {
      const there = byPath.get(path);
      if (there === undefined) byPath.set(path, functions);
      else there.push(...functions);
    };
    for (const { functions, pathPrefix = '' } of tenants) {
      if (pathPrefix !== '') add(pathPrefix);
      for (const fn of functions) {
        if (fn.route !== undefined) add(pathPrefix + withoutEnd(fn.route), fn);
      }
    }
    this.#routes = byPath;
    const lengths = new Set<number>();
    for (const path of byPath.keys()) lengths.add(path.length);
    this.#lengths = [...lengths].sort((a, b) => b - a);
  }

  /** @param path Starts with a slash, no query. */
  match(path: string): Route | undefined {
    const route = this.#find(path);
    return route?.functions.size === 0 ? undefined : route;
  }

  #find(path: string): Route | undefined {
    const exact = this.#at(path);
    if (exact !== undefined) return exact;
    for (const length of this.#lengths) {
      if (path.charCodeAt(length) !== SLASH) continue;
      const route = this.#at(path.slice(0, length));
      if (route !== undefined) return route;
    }
    return undefined;
  }

  #at(path: string): Route | undefined {
    const there = this.#routes.get(path);
    if (!Array.isArray(there)) return there;
    const route = makeRoute(there, path, this.environ);
    this.#routes.set(path, route);
    return route;
  }
}

function withoutEnd(route: string): string {
  return route.endsWith('/') ? route.replace(/\/+$/, '') : route;
}

function makeRoute(all: readonly FunctionHandle[], path: string, environ: string): Route {
  const functions = new Map<string, FunctionHandle>();
  for (const fn of all) {
    for (const method of fn.methods ?? DEFAULT_METHODS) functions.set(method, fn);
  }
  const allow = [...new Set([...functions.keys(), 'OPTIONS'])].join(', ');
  return { functions, path, allow, environ: `${environ}SCRIPT_NAME=${path}\0` };
}
