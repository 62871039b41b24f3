import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSledge, loadConfig } from '@sledge/core';
import type { LoadedConfig, Sledge } from '@sledge/core';
import { asSledgeError, buildJobs, createLogger } from '@sledge/core/host';
import type { Command } from 'commander';
import picocolors from 'picocolors';
import { buildModules } from '../build-modules';
import { withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { EXIT } from '../exit-codes';
import { makeModule, sourceOf } from '../languages';
import type { MadeModule } from '../languages/made-module';
import { SourceWatch } from '../languages/source-watch';
import { printError, printNote } from '../output';
import { removeReadyFile, writeReadyFile } from '../ready-file';

interface DevOptions extends ConfigOptions {
  readyFile?: string;
  snapshot?: boolean;
}

const CONFIGS = ['ts', 'js', 'json', 'yaml'].map((extension) => `sledge.config.${extension}`);
/** Compiles fast; a server of one function needs few sandboxes, and is exchanged often. */
const SETTINGS = ['build.level=development', 'arena.slots=64', 'lifecycle.drainTimeoutMs=1000'];
const PORT = 8080;
/** Code that compiles fast has frames several times as large, a JavaScript engine's above all. */
const STACK_BYTES_MIN = 1_048_576;

export function devCommand(program: Command): void {
  const command = program
    .command('dev')
    .description('serve one function while you write it: what is saved is built and served')
    .argument('<source>', 'a file, or the folder of a function; its configuration is used')
    .option('--snapshot', 'as `sledge build --snapshot`')
    .option('--ready-file <file>', 'written whenever it serves: pid and listeners as JSON');
  withCommon(withConfig(command)).action(dev);
}

async function dev(target: string, options: DevOptions): Promise<void> {
  if (options.readyFile !== undefined) removeReadyFile(options.readyFile);
  const source = sourceOf(target);
  const session = new DevSession(source, options);
  await session.renew();
  const watch = new SourceWatch(path.dirname(source), () => session.renew());
  printNote(picocolors.dim(`watching ${path.dirname(source)}; Ctrl+C ends it`));
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  watch.close();
  await session.close();
  process.exit(EXIT.ok);
}

/** One function as it was saved last, or as it was when it could last be built. */
class DevSession {
  private server: Sledge | undefined;
  /** The configuration that it serves, without the modules, and those, by file. */
  private served = '';
  /** Of what serves, by tenant and function. */
  private readonly hashes = new Map<string, string>();

  constructor(
    private readonly source: string,
    private readonly options: DevOptions,
  ) {}

  /** Builds, and serves what was built; what cannot be built is said, and the one before stays. */
  async renew(): Promise<void> {
    const startedMs = performance.now();
    try {
      const { made, log } = await makeModule(this.source, this.options);
      const { name } = made;
      if (log !== '') process.stderr.write(log);
      const loaded = await this.build(made).finally(() => made.discard());
      const { server } = this;
      if (server !== undefined && this.canDeploy(loaded)) await this.deploy(server, loaded);
      else await this.exchange(loaded);
      const tookMs = Math.round(performance.now() - startedMs);
      printNote(`${picocolors.green('✓')} ${name} ${picocolors.dim(`in ${tookMs} ms`)}`);
      this.announce();
    } catch (error) {
      printError(asSledgeError(error), this.options);
      if (this.server !== undefined) printNote('what was served before is served still');
    }
  }

  /** A module takes its place when all of the configuration can be built with it. */
  private async build(made: MadeModule): Promise<LoadedConfig> {
    await made.publishFirst();
    const loaded = withStack(await this.load(made.name, made.file));
    const jobs = buildJobs(loaded.config.tenants).map((job) =>
      job.file === made.file ? { ...job, file: made.at, place: made.file } : job,
    );
    const reports = await buildModules(loaded, jobs);
    const failed = reports.find(({ error }) => error !== undefined);
    if (failed?.error !== undefined) throw failed.error;
    await made.publish();
    return loaded;
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    await server?.drain();
    await server?.stop();
    if (this.options.readyFile !== undefined) removeReadyFile(this.options.readyFile);
  }

  /** The configuration beside the source, or one of this function alone. */
  private async load(name: string, file: string): Promise<LoadedConfig> {
    const folder = path.dirname(this.source);
    const beside = CONFIGS.map((each) => path.join(folder, each)).find((each) => existsSync(each));
    const set = [...SETTINGS, ...(this.options.set ?? [])];
    const config = this.options.config ?? beside;
    if (config !== undefined) return loadConfig({ file: config, set });
    const isScript = /\.m?[jt]s$/.test(this.source) && !this.source.endsWith('.as.ts');
    const responseFormat = isScript ? ('cgi' as const) : ('raw' as const);
    const functions = [{ name, path: file, route: '/', responseFormat }];
    const own = mkdtempSync(path.join(tmpdir(), 'sledge-dev-'));
    try {
      const written = path.join(own, 'sledge.config.json');
      writeFileSync(written, JSON.stringify({ tenants: [{ name: 'dev', port: PORT, functions }] }));
      return await loadConfig({ file: written, set });
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  }

  /** Nothing but modules is new, and nothing of it would be kept in a store. */
  private canDeploy({ config }: LoadedConfig): boolean {
    const files = config.tenants.flatMap(({ functions }) => functions.map((fn) => fn.path));
    const fits = files.every((file) => statSync(file).size <= config.deploy.moduleBytes);
    return fits && config.store.path === undefined && JSON.stringify(config) === this.served;
  }

  /** Into the server that runs: requests in flight end on the module they began with. */
  private async deploy(server: Sledge, { config }: LoadedConfig): Promise<void> {
    for (const { name: tenant, functions } of config.tenants) {
      for (const { name, path: file } of functions) {
        const wasm = readFileSync(file);
        const hash = hashOf(wasm);
        const key = `${tenant}/${name}`;
        if (this.hashes.get(key) === hash) continue;
        await server.control.deploy({ tenant, name, wasm });
        this.hashes.set(key, hash);
      }
    }
  }

  /** The port is the same: the next one listens when the one before has answered. */
  private async exchange(loaded: LoadedConfig): Promise<void> {
    await this.close();
    const server = createSledge(loaded, {
      logger: createLogger({ ...loaded.config.log, level: 'warn' }),
      onFunctionLog: (_fn, text) => process.stderr.write(text),
    });
    await server.start();
    this.server = server;
    this.served = JSON.stringify(loaded.config);
    this.hashes.clear();
    for (const { name: tenant, functions } of loaded.config.tenants) {
      for (const { name, path: file } of functions) {
        this.hashes.set(`${tenant}/${name}`, hashOf(readFileSync(file)));
      }
    }
  }

  private announce(): void {
    const listeners = this.server?.listeners() ?? [];
    for (const fn of this.server?.functions() ?? []) {
      const listener = listeners.find(({ tenant }) => tenant === fn.tenant);
      if (listener !== undefined) printNote(`  ${listener.url}${fn.route ?? ''}`);
    }
    const { readyFile } = this.options;
    if (readyFile !== undefined) {
      writeReadyFile(readyFile, { pid: process.pid, listeners, admin: [] });
    }
  }
}

function withStack(loaded: LoadedConfig): LoadedConfig {
  const { arena } = loaded.config;
  const stackBytes = Math.max(arena.stackBytes, STACK_BYTES_MIN);
  return { ...loaded, config: { ...loaded.config, arena: { ...arena, stackBytes } } };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
