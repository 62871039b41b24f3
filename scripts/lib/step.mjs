// Runs commands of a set-up or a test run: quietly into a log, with a progress line each.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, ROOT } from './paths.mjs';

const HEARTBEAT_MS = 15_000;

/** A failure that has been explained to the user; no stack trace is shown for it. */
export class StepFailure extends Error {}

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

function childEnvironment(extra) {
  const environment = { ...process.env, ...extra };
  // npm's settings of the outer run would reach tools that read them otherwise.
  for (const name of Object.keys(environment))
    if (/^npm_(config_nodedir|lifecycle|package)/.test(name)) delete environment[name];
  return environment;
}

/** For what may wait: whatever measures or serves beside it comes first. */
const LOW_PRIORITY = ['nice', '-n', '10'];

/**
 * Runs one command.
 * @param {{ show?: boolean, env?: object, cwd?: string, isBackground?: boolean }} [options] `show`
 *   passes output on; otherwise it goes to `.cache/logs/<name>.log` alone. `isBackground` gives it
 *   a low priority.
 * @returns exit code and output.
 */
export function runCommand(name, command, args, options = {}) {
  mkdirSync(join(CACHE, 'logs'), { recursive: true });
  const logPath = join(CACHE, 'logs', `${name}.log`);
  const log = createWriteStream(logPath);
  const words = [...(options.isBackground ? LOW_PRIORITY : []), command, ...args];
  const child = spawn(words[0], words.slice(1), {
    cwd: options.cwd ?? ROOT,
    env: childEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const forward = (chunk, stream) => {
    log.write(chunk);
    if (options.show) stream.write(chunk);
  };
  child.stdout.on('data', (chunk) => forward(chunk, process.stdout));
  child.stderr.on('data', (chunk) => forward(chunk, process.stderr));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      log.end();
      reject(new StepFailure(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      log.end(() => resolve({ code: code ?? 1, signal, logPath }));
    });
  });
}

/** Last lines of a log, for a failure's message. */
export function tailOf(logPath, lines = 40) {
  return readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/** Runs commands one after another under one progress line; a failure shows the log's end. */
export async function step(title, name, commands) {
  const started = Date.now();
  console.log(`- ${title} ...`);
  const heartbeat = setInterval(() => {
    console.log(`  ${title}: ${seconds(started)}`);
  }, HEARTBEAT_MS);
  try {
    for (const [index, [command, args, options]] of commands.entries()) {
      const suffix = commands.length > 1 ? `-${index + 1}` : '';
      const { code, logPath } = await runCommand(`${name}${suffix}`, command, args, options);
      if (code !== 0) {
        throw new StepFailure(
          `${title}: \`${command} ${args.join(' ')}\` ended with ${code}.\n` +
            `${tailOf(logPath)}\nThe whole output is in ${logPath}`,
        );
      }
    }
  } finally {
    clearInterval(heartbeat);
  }
  console.log(`  ${title}: done in ${seconds(started)}`);
}

/** Runs a script's main function and turns its result into the exit code. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof StepFailure ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
