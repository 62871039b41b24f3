import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SledgeConfigInput } from '@sledge/core';
import type { BenchArea, BenchContext } from '../area';
import { callRate, invokeOnce, startDriver } from '../driver';
import type { Driver, Submit } from '../driver';
import { figure, median } from '../figure';
import type { Figure } from '../figure';
import { Noop } from '../noop';
import { Ring } from '../ring';
import { interleave, pairedRatios } from '../rounds';
import { buildModule } from '../sledge';
import { Toolchain } from '../toolchain';

const run = promisify(execFile);
const IN_FLIGHT = 256;
const WARM_CALLS = 50;
const NATIVE_FIGURES = ['slot_to_first_instruction', 'reset_128kib', 'empty_on_worker'] as const;

interface NativeReport {
  figures: { name: string; median: number }[];
}

/** Each run of the native benchmark gives one sample a figure: its own median. */
async function nativeFigures(context: BenchContext): Promise<Figure[]> {
  const program = join(context.root, 'build/native/src/sandbox/test/sandbox_bench');
  const empty = await buildModule(
    join(context.root, 'functions/empty.wasm'),
    join(context.cacheDirectory, 'artifacts'),
    { level: 'production', oneCore: false },
  );
  const samples = new Map<string, number[]>(NATIVE_FIGURES.map((name) => [name, []]));
  const rounds = context.quick ? 3 : 9;
  for (let round = 0; round < rounds; round += 1) {
    const { stdout } = await run(program, [empty.artifactPath]);
    for (const { name, median: value } of (JSON.parse(stdout) as NativeReport).figures)
      samples.get(name)?.push(value);
    context.note(`native round ${round + 1} of ${rounds}`);
  }
  return [...samples].map(([name, values]) => figure(name, 'ns', values));
}

/** Copies of `empty`: a custom section at the end changes the hash and nothing else. */
function coldModules(context: BenchContext, count: number): string[] {
  const folder = join(context.cacheDirectory, 'cold');
  mkdirSync(folder, { recursive: true });
  const wasm = readFileSync(join(context.root, 'functions/empty.wasm'));
  return Array.from({ length: count }, (_, i) => {
    const path = join(folder, `empty-${i}.wasm`);
    const name = Buffer.from(`copy-${i}`);
    const section = [0, name.length + 1, name.length, ...name];
    writeFileSync(path, Buffer.concat([wasm, Buffer.from(section)]));
    return path;
  });
}

async function submitFigures(context: BenchContext, driver: Driver): Promise<Figure[]> {
  const handle = driver.function('empty');
  const request = { args: [], environ: [] };
  let failed = 0;
  const checked =
    (done: () => void) =>
    (outcome: { status: string }): void => {
      if (outcome.status !== 'completed') failed += 1;
      done();
    };
  const total = context.quick ? 100_000 : 300_000;
  const rate = (submit: Submit) => (): Promise<number> => callRate(submit, IN_FLIGHT, total);
  const toolchain = new Toolchain(context);
  const noop = new Noop(await toolchain.addon('noop'));
  const records = new Noop(await toolchain.addon('records'));
  const ring = new Ring(await toolchain.addon('ring'));
  const rates = await interleave(
    [
      {
        name: 'sledge',
        sample: rate((done) => driver.invoker.invoke(handle, request, checked(done))),
      },
      { name: 'noop', sample: rate((done) => noop.invoke(0, request, checked(done))) },
      { name: 'records', sample: rate((done) => records.invoke(0, request, checked(done))) },
      { name: 'ring', sample: rate(ring.submit) },
    ],
    context.quick ? 5 : 15,
    2,
  );
  for (const peer of [noop, records, ring]) peer.stop();
  if (failed > 0) throw new Error(`${failed} invocations did not complete`);
  return [
    figure('js_submit_rate', '1/s', rates.sledge),
    figure('js_submit_vs_noop', 'ratio', pairedRatios(rates.sledge, rates.noop)),
    figure('js_submit_vs_records', 'ratio', pairedRatios(rates.sledge, rates.records)),
    figure('js_submit_vs_ring', 'ratio', pairedRatios(rates.sledge, rates.ring)),
  ];
}

/** First call of a built module against its later ones, one sample a module. */
async function coldStartFigure(driver: Driver, names: readonly string[]): Promise<Figure> {
  const samples: number[] = [];
  const timeUs = async (name: string): Promise<number> => {
    const handle = driver.function(name);
    const started = performance.now();
    await invokeOnce(driver, handle);
    return (performance.now() - started) * 1000;
  };
  for (let i = 0; i < WARM_CALLS; i += 1) await timeUs('empty');
  for (const name of names) {
    const first = await timeUs(name);
    const later: number[] = [];
    for (let i = 0; i < WARM_CALLS; i += 1) later.push(await timeUs(name));
    samples.push(first - median(later));
  }
  return figure('cold_start_extra', 'us', samples);
}

/** What a sandbox costs, without and with JavaScript around it. */
export const sandboxArea: BenchArea = {
  name: 'sandbox',
  summary: 'start, reset and submission of a sandbox',
  async run(context) {
    const native = await nativeFigures(context);
    const modules = coldModules(context, context.quick ? 8 : 24);
    const functions = modules.map((path, i) => ({ name: `cold-${i}`, path }));
    const empty = { name: 'empty', path: join(context.root, 'functions/empty.wasm') };
    const config: SledgeConfigInput = {
      build: { cacheDirectory: join(context.cacheDirectory, 'artifacts') },
      tenants: [{ name: 'bench', functions: [empty, ...functions] }],
    };
    context.note('idle policy as by default (adaptive)');
    const driver = await startDriver(config, context.root);
    try {
      const names = functions.map(({ name }) => name);
      const cold = await coldStartFigure(driver, names);
      return [...native, cold, ...(await submitFigures(context, driver))];
    } finally {
      await driver.stop();
    }
  },
};
