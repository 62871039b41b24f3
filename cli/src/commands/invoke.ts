import { createSledge, SledgeError } from '@sledge/core';
import type { LoadedConfig, Outcome } from '@sledge/core';
import { createLogger, hint } from '@sledge/core/host';
import type { Command } from 'commander';
import { readConfig, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { exitCodeOfOutcome } from '../exit-codes';
import { printError, printJson } from '../output';

export function invokeCommand(program: Command): void {
  const command = program
    .command('invoke')
    .description('call one function in this process, without a server; standard input is passed on')
    .argument('<function>', 'its name, or tenant/name')
    .argument('[args...]', 'argv of the function; put -- before arguments that start with -');
  withCommon(withConfig(command)).action(invoke);
}

async function invoke(name: string, args: string[], options: ConfigOptions): Promise<void> {
  const loaded = keepOne(await readConfig(options), name);
  const logger = createLogger({ ...loaded.config.log, level: 'warn' });
  const sledge = createSledge(loaded, {
    logger,
    withTransports: false,
    onFunctionLog: (_fn, text) => process.stderr.write(text),
  });
  const input = await standardInput(loaded.config.tenants[0]?.functions[0]?.limits.bodyBytes);
  await sledge.start();
  try {
    const outcome = await sledge.invoke(name, { args, environ: [], input });
    process.exitCode = exitCodeOfOutcome(outcome);
    print(outcome, options);
  } finally {
    await sledge.stop();
  }
}

/** Other functions are neither built nor loaded. */
function keepOne(loaded: LoadedConfig, name: string): LoadedConfig {
  const { tenants } = loaded.config;
  const all = tenants.flatMap((tenant) => tenant.functions.map((fn) => ({ tenant, fn })));
  const found = all.filter(({ tenant, fn }) =>
    [fn.name, `${tenant.name}/${fn.name}`].includes(name),
  );
  const names = (list: typeof all) => list.map(({ tenant, fn }) => `${tenant.name}/${fn.name}`);
  const [one, ...others] = found;
  if (one === undefined || others.length > 0) {
    const near = hint(name, [...all.map(({ fn }) => fn.name), ...names(all)]);
    const which = one === undefined ? near : ` alone; say ${names(found).join(' or ')}`;
    throw new SledgeError('SLEDGE_ERR_INVOKE_UNKNOWN', { name, hint: which });
  }
  const config = { ...loaded.config, tenants: [{ ...one.tenant, functions: [one.fn] }] };
  return { ...loaded, config };
}

async function standardInput(limitBytes = 0): Promise<Uint8Array | undefined> {
  if (process.stdin.isTTY) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) {
      const reason = `Standard input is larger than limits.bodyBytes, ${limitBytes} bytes.`;
      throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
    }
    chunks.push(chunk);
  }
  return chunks.length > 0 ? Buffer.concat(chunks) : undefined;
}

function print(outcome: Outcome, options: ConfigOptions): void {
  const { status, exitCode, trap, times, error } = outcome;
  const output = Buffer.from(outcome.output);
  if (options.json === true) {
    const failure = error && { code: error.code, message: error.message, solve: error.solve };
    const text = output.toString('utf8');
    printJson({ status, exitCode, trap, output: text, times, error: failure });
    return;
  }
  process.stdout.write(output);
  if (error !== undefined) printError(error, options);
}
