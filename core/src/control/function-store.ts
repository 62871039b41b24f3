import { createHash } from 'node:crypto';
import path from 'node:path';
import type Libsql from 'libsql';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import type { ControlEvent } from '../functions/live-function';

/** A version as it is kept. */
export interface StoredVersion {
  version: number;
  hash: string;
  settings: object;
  at: string;
}

/** What of a split is kept; what it has counted is not. */
export interface StoredSplit {
  stable: { version: number; weight: number };
  trial: { version: number; weight: number };
  rule?: { requests: number; errorRate?: number | undefined; missRate?: number | undefined };
}

export interface StoredFunction {
  tenant: string;
  name: string;
  current: number;
  previous: number[];
  nextVersion: number;
  split: StoredSplit | null;
  events: ControlEvent[];
  versions: StoredVersion[];
}

export interface StoredTenant {
  name: string;
  settings: object;
}

/** What survives the process. Each change is one transaction: on disk whole, or not at all. */
export interface FunctionStore {
  readonly path: string | undefined;
  /** Why nothing can be kept; undefined: all is well. */
  readonly failure: SledgeError | undefined;
  tenants(): StoredTenant[];
  functions(): StoredFunction[];
  /** Bytes of a module; undefined: it is not there, or not what it was. */
  module(hash: string): Uint8Array | undefined;
  /** A function as it is now, and the module of its newest version or, by hash, of several. */
  saveFunction(fn: StoredFunction, wasm?: Uint8Array | ReadonlyMap<string, Uint8Array>): void;
  removeFunction(tenant: string, name: string): void;
  saveTenant(tenant: StoredTenant): void;
  /** With its functions; it is an ending one from then on. */
  removeTenant(name: string): void;
  /** Removed ones of which host plugins may still keep something. */
  endingTenants(): string[];
  /** Nothing of it is left. */
  setTenantEnded(name: string): void;
  /** Keys of the cluster's registry that this server has taken over. */
  clusterKeys(): string[];
  /** From now on a key is, or is not, among them. */
  setClusterKey(key: string, isTaken: boolean): void;
  close(): void;
}

const VERSION = 1;
const TABLES = `
  CREATE TABLE tenants (name TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT;
  CREATE TABLE functions (
    tenant TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (tenant, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE modules (hash TEXT PRIMARY KEY, wasm BLOB NOT NULL) STRICT;
  CREATE TABLE uses (
    tenant TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL REFERENCES modules (hash),
    PRIMARY KEY (tenant, name, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uses_of_module ON uses (hash);
  PRAGMA user_version = ${VERSION};
`;

/** One that is there is written again only when it is not what it was: a deployment mends it. */
const ADD_MODULE = `
  INSERT INTO modules (hash, wasm) VALUES (?, ?)
  ON CONFLICT (hash) DO UPDATE SET wasm = excluded.wasm WHERE wasm IS NOT excluded.wasm
`;

/** Beside the tables above, so that stores made before it are as good. */
const CLUSTER_TABLE = 'CREATE TABLE IF NOT EXISTS cluster_keys (key TEXT PRIMARY KEY) STRICT';

const ENDING_TABLE = 'CREATE TABLE IF NOT EXISTS ending_tenants (name TEXT PRIMARY KEY) STRICT';
const NOT_ENDING = 'DELETE FROM ending_tenants WHERE name = ?';

/** Keeps nothing: what is deployed ends with the process. */
export function emptyStore(): FunctionStore {
  const none = () => [];
  const nothing = () => undefined;
  const lists = { tenants: none, functions: none, clusterKeys: none, endingTenants: none };
  const reads = { ...lists, module: nothing, setTenantEnded: nothing };
  const writes = { saveFunction: nothing, removeFunction: nothing, saveTenant: nothing };
  const ends = { removeTenant: nothing, setClusterKey: nothing, close: nothing };
  return { path: undefined, failure: undefined, ...reads, ...writes, ...ends };
}

/** In place of one that cannot be used: reads as empty, and every change is refused. */
export function brokenStore(file: string, failure: SledgeError): FunctionStore {
  const refuse = (): never => {
    throw failure;
  };
  const writes = { saveFunction: refuse, removeFunction: refuse, saveTenant: refuse };
  const more = { removeTenant: refuse, setClusterKey: refuse, setTenantEnded: refuse };
  return { ...emptyStore(), path: file, failure, ...writes, ...more };
}

/**
 * Opens or makes the SQLite file of a store. One process has it at a time. The log is written
 * ahead and synchronised at each commit: what was answered survives also a loss of power.
 * @throws SledgeError SLEDGE_ERR_STORE_UNUSABLE when it is damaged, of another kind, or in use.
 */
export function openStore(file: string): FunctionStore {
  let db: Libsql.Database | undefined;
  try {
    // loaded only where it is wanted: it costs memory and some milliseconds
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const SqliteDatabase = require('libsql') as typeof Libsql;
    db = new SqliteDatabase(file, { timeout: 0 });
    for (const pragma of ['locking_mode=EXCLUSIVE', 'journal_mode=WAL', 'synchronous=FULL']) {
      db.pragma(pragma);
    }
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    prepare(db);
    return new SqliteStore(file, db);
  } catch (error) {
    db?.close();
    throw unusable(file, error);
  }
}

export function unusable(file: string, error: unknown): SledgeError {
  if (error instanceof SledgeError) return error;
  const isLocked = codeOf(error) === 'SQLITE_BUSY';
  const reason = isLocked ? 'another process has it' : reasonOf(error).replace(/\.$/, '');
  return new SledgeError('SLEDGE_ERR_STORE_UNUSABLE', { path: file, reason }, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

function prepare(db: Libsql.Database): void {
  const found = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (found.user_version === 0) db.transaction(() => db.exec(TABLES))();
  else if (found.user_version !== VERSION) {
    throw new Error(`it is of version ${found.user_version}, and this is ${VERSION}`);
  }
  db.exec(CLUSTER_TABLE);
  db.exec(ENDING_TABLE);
  const checked = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (checked.quick_check !== 'ok') {
    throw new Error(`it is damaged: ${checked.quick_check.replace(/\s+/g, ' ').slice(0, 200)}`);
  }
}

class SqliteStore implements FunctionStore {
  readonly failure = undefined;

  constructor(
    readonly path: string,
    private readonly db: Libsql.Database,
  ) {}

  tenants(): StoredTenant[] {
    const rows = this.read('SELECT name, settings FROM tenants ORDER BY rowid');
    return rows.map(({ name, settings }) => ({
      name: name as string,
      settings: JSON.parse(settings as string) as object,
    }));
  }

  functions(): StoredFunction[] {
    const rows = this.read('SELECT state FROM functions ORDER BY tenant, name');
    return rows.map(({ state }) => JSON.parse(state as string) as StoredFunction);
  }

  module(hash: string): Uint8Array | undefined {
    const [row] = this.read('SELECT wasm FROM modules WHERE hash = ?', hash);
    if (row === undefined) return undefined;
    const wasm = Buffer.from(row.wasm as ArrayBuffer);
    return createHash('sha256').update(wasm).digest('hex') === hash ? wasm : undefined;
  }

  saveFunction(fn: StoredFunction, wasm?: Uint8Array | ReadonlyMap<string, Uint8Array>): void {
    const { tenant, name, versions } = fn;
    const newest = versions.at(-1)?.hash ?? '';
    const modules = wasm instanceof Uint8Array ? new Map([[newest, wasm]]) : wasm;
    this.write(() => {
      const add = this.db.prepare(ADD_MODULE);
      for (const [hash, { buffer, byteOffset, byteLength }] of modules ?? []) {
        add.run(hash, Buffer.from(buffer, byteOffset, byteLength));
      }
      const put = this.db.prepare('INSERT OR REPLACE INTO functions VALUES (?, ?, ?)');
      put.run(tenant, name, JSON.stringify(fn));
      const before = this.takeUses(tenant, name);
      const use = this.db.prepare('INSERT INTO uses VALUES (?, ?, ?)');
      for (const hash of new Set(versions.map((one) => one.hash))) use.run(tenant, name, hash);
      this.dropUnused(before);
    });
  }

  removeFunction(tenant: string, name: string): void {
    this.write(() => {
      const drop = this.db.prepare('DELETE FROM functions WHERE tenant = ? AND name = ?');
      drop.run(tenant, name);
      this.dropUnused(this.takeUses(tenant, name));
    });
  }

  saveTenant({ name, settings }: StoredTenant): void {
    this.write(() => {
      const put = this.db.prepare('INSERT OR REPLACE INTO tenants VALUES (?, ?)');
      put.run(name, JSON.stringify(settings));
      this.db.prepare(NOT_ENDING).run(name);
    });
  }

  removeTenant(name: string): void {
    this.write(() => {
      const used = this.read('SELECT DISTINCT hash FROM uses WHERE tenant = ?', name);
      for (const table of ['functions', 'uses']) {
        this.db.prepare(`DELETE FROM ${table} WHERE tenant = ?`).run(name);
      }
      this.db.prepare('DELETE FROM tenants WHERE name = ?').run(name);
      this.db.prepare('INSERT OR IGNORE INTO ending_tenants VALUES (?)').run(name);
      this.dropUnused(used.map(({ hash }) => hash as string));
    });
  }

  endingTenants(): string[] {
    return this.read('SELECT name FROM ending_tenants').map(({ name }) => name as string);
  }

  setTenantEnded(name: string): void {
    this.write(() => void this.db.prepare(NOT_ENDING).run(name));
  }

  clusterKeys(): string[] {
    return this.read('SELECT key FROM cluster_keys').map(({ key }) => key as string);
  }

  setClusterKey(key: string, isTaken: boolean): void {
    this.write(() => {
      const sql = isTaken
        ? 'INSERT OR IGNORE INTO cluster_keys VALUES (?)'
        : 'DELETE FROM cluster_keys WHERE key = ?';
      this.db.prepare(sql).run(key);
    });
  }

  /** The lock is given back by hand: statements that are not collected yet keep the file open. */
  close(): void {
    try {
      this.db.exec('PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL;');
      this.db.exec('SELECT count(*) FROM sqlite_schema');
    } catch {
      // on a full disk the log stays beside the file, and whoever opens it next reads both
    }
    this.db.close();
  }

  private takeUses(tenant: string, name: string): string[] {
    const where = 'FROM uses WHERE tenant = ? AND name = ?';
    const rows = this.read(`SELECT hash ${where}`, tenant, name);
    this.db.prepare(`DELETE ${where}`).run(tenant, name);
    return rows.map(({ hash }) => hash as string);
  }

  /** Of these modules, what no function has any more. */
  private dropUnused(hashes: readonly string[]): void {
    const drop = this.db.prepare(
      'DELETE FROM modules WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM uses WHERE hash = ?1)',
    );
    for (const hash of hashes) drop.run(hash);
  }

  private read(sql: string, ...values: string[]): Record<string, unknown>[] {
    try {
      return this.db.prepare(sql).all(...values) as Record<string, unknown>[];
    } catch (error) {
      throw unusable(this.path, error);
    }
  }

  private write(change: () => void): void {
    try {
      this.db.transaction(change)();
    } catch (error) {
      const details = { path: this.path, reason: reasonOf(error).replace(/\.$/, '') };
      throw new SledgeError('SLEDGE_ERR_STORE_WRITE', details, { cause: error });
    }
  }
}

/** Absolute path of the store that a configuration names. */
export function storeFile(store: { path?: string | undefined }, folder: string) {
  return store.path === undefined ? undefined : path.resolve(folder, store.path);
}
