import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { asSledgeError, buildJobs, reasonOf } from '@sledge/core/host';
import type { BuildReport, BuildSettings } from '@sledge/core/host';
import { ensureDirectory, SledgeError } from '@sledge/core';
import { Option } from 'commander';
import type { Command } from 'commander';
import picocolors from 'picocolors';
import { buildModules } from '../build-modules';
import { readConfig, readConfigOrDefaults, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { exitCodeOf } from '../exit-codes';
import { compileSource, EXTENSIONS } from '../languages';
import { printError, printJson, printNote } from '../output';

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
  const strict = options.strictFloat === true ? ['sandbox.strictFloat=true'] : [];
  const read = files.length > 0 ? readConfigOrDefaults : readConfig;
  // the configuration may name what is made of the files only now
  const compiled = await Promise.all(files.map((file) => toWasm(file, options)));
  const loaded = await read(options, strict);
  const failed = compiled.filter((report) => report.error !== undefined);
  const jobs =
    files.length > 0 ? compiled.filter((r) => !r.error) : buildJobs(loaded.config.tenants);
  for (const report of failed) progress(report, options);
  const reports = [
    ...failed,
    ...(await buildModules(loaded, jobs, options.level, (report) => progress(report, options))),
  ];
  if (options.out !== undefined) await copyTo(options.out, reports);
  if (options.json === true) printJson(reports.map(asJson));
  const error = reports.find((report) => report.error !== undefined)?.error;
  if (error !== undefined) process.exitCode = exitCodeOf(error);
}

async function toWasm(source: string, options: BuildOptions): Promise<BuildReport> {
  const { out, snapshot } = options;
  try {
    const { name, file, log } = await compileSource(source, { out, snapshot });
    if (log !== '') printNote(log.trimEnd());
    return { name, file };
  } catch (error) {
    const file = path.resolve(source);
    return { name: path.basename(file), file, error: asSledgeError(error) };
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
  try {
    await ensureDirectory(folder);
    for (const { file, module } of reports) {
      if (module === undefined) continue;
      const extension = module.artifactPath.endsWith('.so') ? '.wasm.so' : '.wasm';
      const target = path.join(folder, path.basename(file, '.wasm') + extension);
      if (path.resolve(target) !== file) await copyFile(module.artifactPath, target);
    }
  } catch (error) {
    const details = { path: folder, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_OUTPUT', details, { cause: error });
  }
}

function asJson({ name, file, module, error }: BuildReport): object {
  const failure = error && { code: error.code, message: error.message, solve: error.solve };
  return { name, file, ...module, error: failure };
}
