import path from 'node:path';
import { createSledge } from '@sledge/core';
import type { Sledge } from '@sledge/core';
import { asSledgeError, createLogger, openControl } from '@sledge/core/host';
import type { ControlSocket } from '@sledge/core/host';
import type { Command } from 'commander';
import { readConfig, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { EXIT } from '../exit-codes';
import { printJson } from '../output';
import { removeReadyFile, writeReadyFile } from '../ready-file';

interface StartOptions extends ConfigOptions {
  readyFile?: string;
  control?: string | false;
  watch?: boolean;
  trace?: string;
}

/** npm hands a terminal's Ctrl+C on to a process that has had it already: those are one. */
const SAME_SIGNAL_MS = 300;
const CLEARING_MS = 20_000;
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

export function startCommand(program: Command): void {
  const command = program
    .command('start')
    .description('serve the functions of a configuration')
    .option('--ready-file <file>', 'written once it serves: pid and listeners as JSON')
    .option('--control <socket>', 'where `sledge policy` reaches it; default: a folder of yours')
    .option('--no-control', 'without a control socket')
    .option('--trace <file>', 'of the run, for Perfetto and `sledge explain`; as trace.path')
    .option('--watch', 'for development: policies are exchanged when their files are saved');
  withCommon(withConfig(command)).action(start);
}

async function start(options: StartOptions): Promise<void> {
  // one that a killed server left would say that this one serves
  if (options.readyFile !== undefined) removeReadyFile(options.readyFile);
  if (options.watch === true) process.setSourceMapsEnabled(true); // errors name the place as saved
  const { trace } = options;
  const loaded = await readConfig(
    options,
    trace === undefined ? [] : [`trace.path=${path.resolve(trace)}`],
  );
  const logger = createLogger(loaded.config.log);
  for (const warning of loaded.warnings) logger.warn(warning);
  const stop = new AbortController();
  let askToDrain = (): void => undefined;
  const asked = new Promise<'drain'>((resolve) => (askToDrain = () => resolve('drain')));
  const ended = Promise.race([untilSignal(), asked]);
  void ended.then(() => stop.abort());
  const sledge = createSledge(loaded, {
    logger,
    signal: stop.signal,
    onDrainAsked: askToDrain,
    onBuild: ({ name, module }) => {
      if (module?.cached === false) logger.info({ ms: module.durationMs }, `built ${name}`);
    },
  });
  try {
    await sledge.start();
  } catch (error) {
    if (asSledgeError(error).code !== 'SLEDGE_ERR_BUILD_CANCELLED') throw error;
    logger.info(`${await ended}: it had not served yet`);
    // the compilers' files are still being cleared away
    setTimeout(() => process.exit(EXIT.ok), CLEARING_MS).unref();
    return;
  }
  // of a terminal that is closed it means the end, as ever
  if (!process.stdin.isTTY) process.on('SIGHUP', () => sledge.reload());
  let control: ControlSocket | undefined;
  let code: number = sledge.startFailures().length > 0 ? EXIT.partly : EXIT.ok;
  try {
    control = await controlOf(sledge, options);
    if (options.watch === true) watchPolicies(sledge);
    announce(sledge, options, control);
    logger.info(`${await ended}: draining`);
  } finally {
    if (options.readyFile !== undefined) removeReadyFile(options.readyFile);
    for (const error of [...(await sledge.drain()), ...(await sledge.stop())]) {
      logger.error({ code: error.code, solve: error.solve }, error.message);
      code = EXIT.unclean;
    }
    await control?.close();
  }
  process.exit(code);
}

function watchPolicies(sledge: Sledge): void {
  const files = sledge.watchPolicies();
  if (files.length > 0) sledge.logger.info(`watching ${files.join(', ')}`);
  else sledge.logger.warn('nothing to watch yet: no policy is named by the path of its file');
}

/** A server without one serves all the same, unless it was asked for. */
async function controlOf(
  sledge: Sledge,
  options: StartOptions,
): Promise<ControlSocket | undefined> {
  const { control } = options;
  if (control === false) return undefined;
  try {
    return await openControl(sledge, typeof control === 'string' ? control : undefined);
  } catch (error) {
    if (typeof control === 'string') throw error;
    sledge.logger.warn(asSledgeError(error).message);
    return undefined;
  }
}

const STATE_NOTES = {
  connecting: ', which is away: it connects when it is there',
  joining: ': it takes work once the registry has said that it is not drained',
} as const;

function announce(sledge: Sledge, options: StartOptions, socket: ControlSocket | undefined): void {
  const control = socket?.path;
  const listeners = sledge.listeners();
  for (const { transport, tenant, url, state } of listeners) {
    const note = state === undefined ? '' : STATE_NOTES[state];
    sledge.logger.info(`${tenant}: ${transport} on ${url}${note}`);
  }
  const admin = sledge.adminUrls();
  for (const url of admin) sledge.logger.info(`admin API on ${url}`);
  const info = { pid: process.pid, listeners, admin, control };
  if (options.json === true) printJson(info);
  if (options.readyFile !== undefined) writeReadyFile(options.readyFile, info);
}

/** Resolves with the first signal; a later one ends the process at once. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      if (nowMs - firstMs > SAME_SIGNAL_MS) {
        process.exit(128 + SIGNAL_NUMBERS[signal as keyof typeof SIGNAL_NUMBERS]);
      }
      resolve(signal);
    };
    for (const signal of Object.keys(SIGNAL_NUMBERS)) process.on(signal, onSignal);
  });
}
