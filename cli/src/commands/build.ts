import path from 'node:path';
import { asSledgeError, buildJobs } from '@sledge/core/host';
import type { BuildReport, BuildSettings } from '@sledge/core/host';
import { Option } from 'commander';
import type { Command } from 'commander';
import picocolors from 'picocolors';
import { buildModules } from '../build-modules';
import { readConfig, readConfigOrDefaults, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { exitCodeOf } from '../exit-codes';
import { EXTENSIONS, makeModule } from '../languages';
import type { MadeModule } from '../languages/made-module';
import { printError, printJson, printNote } from '../output';
import { copyWhole } from '../whole-file';

interface BuildOptions extends ConfigOptions {
  out?: string;
  strictFloat?: boolean;
  level?: BuildSettings['level'];
  snapshot?: boolean;
}

export function buildCommand(program: Command): void {
  const level = new Option('--level <level>', 'development compiles faster and runs slower');
  const known = EXTENSIONS.join(', ');
  const command = program
    .command('build')
    .description('compile functions ahead of time: the named files, or all of the configuration')
    .argument('[files...]', `.wasm, a folder, or a source whose .wasm is put beside it: ${known}`)
    .option('--out <folder>', 'put what was built here too')
    .option('--snapshot', 'run sledge_init now, and keep the state that it leaves')
    .option('--strict-float', 'keep the exact bits of NaNs; slower')
    .addOption(level.choices(['production', 'development']));
  withCommon(withConfig(command)).action(build);
}

async function build(files: string[], options: BuildOptions): Promise<void> {
  const sources = await Promise.all(files.map((file) => toWasm(file, options)));
  try {
    const reports = await buildSources(sources, options);
    if (options.out !== undefined) await copyTo(options.out, reports);
    if (options.json === true) printJson(reports.map(asJson));
    const error = reports.find((report) => report.error !== undefined)?.error;
    if (error !== undefined) process.exitCode = exitCodeOf(error);
  } finally {
    for (const { made } of sources) await made?.discard();
  }
}

/** Without any source: what the configuration names. */
async function buildSources(sources: Source[], options: BuildOptions): Promise<BuildReport[]> {
  const strict = options.strictFloat === true ? ['sandbox.strictFloat=true'] : [];
  const read = sources.length > 0 ? readConfigOrDefaults : readConfig;
  const loaded = await read(options, strict);
  const modules = sources.flatMap(({ made }) => made ?? []);
  const failed = sources.filter(({ report }) => report.error !== undefined);
  const jobs =
    sources.length > 0
      ? modules.map(({ name, at, file }) => ({ name, file: at, place: file }))
      : buildJobs(loaded.config.tenants);
  for (const { report } of failed) progress(report, options);
  const show = (report: BuildReport): void => progress(report, options);
  const built = await buildModules(loaded, jobs, options.level, show);
  const placed = built.map((report, i) => publish(report, modules[i], options));
  return [...failed.map(({ report }) => report), ...(await Promise.all(placed))];
}

interface Source {
  readonly report: BuildReport;
  /** Undefined: it could not be made. */
  readonly made?: MadeModule;
}

async function toWasm(source: string, options: BuildOptions): Promise<Source> {
  const { out, snapshot } = options;
  try {
    const { made, log } = await makeModule(source, { out, snapshot });
    if (log !== '') printNote(log.trimEnd());
    await made.publishFirst();
    return { report: { name: made.name, file: made.file }, made };
  } catch (error) {
    const file = path.resolve(source);
    return { report: { name: path.basename(file), file, error: asSledgeError(error) } };
  }
}

/** What a sandbox refuses does not take the place of what was there. */
async function publish(
  report: BuildReport,
  made: MadeModule | undefined,
  options: BuildOptions,
): Promise<BuildReport> {
  if (made === undefined) return report;
  const placed = { ...report, file: made.file };
  try {
    if (report.error === undefined) await made.publish();
    return placed;
  } catch (error) {
    const failed = { ...placed, error: asSledgeError(error) };
    progress(failed, options);
    return failed;
  }
}

function progress(report: BuildReport, options: BuildOptions): void {
  if (report.error !== undefined) {
    if (options.json !== true) printError(report.error, options);
    return;
  }
  const { name, module } = report;
  const how =
    module?.cached === true ? 'unchanged' : `built in ${Math.round(module?.durationMs ?? 0)} ms`;
  printNote(`${picocolors.green('✓')} ${name} ${picocolors.dim(how)}`);
}

async function copyTo(folder: string, reports: readonly BuildReport[]): Promise<void> {
  for (const { file, module } of reports) {
    if (module === undefined) continue;
    const extension = module.artifactPath.endsWith('.so') ? '.wasm.so' : '.wasm';
    const target = path.join(folder, path.basename(file, '.wasm') + extension);
    if (path.resolve(target) !== file) await copyWhole(module.artifactPath, target);
  }
}

function asJson({ name, file, module, error }: BuildReport): object {
  const failure = error && { code: error.code, message: error.message, solve: error.solve };
  return { name, file, ...module, error: failure };
}
