import 'reflect-metadata';
import pino from 'pino';
import { inject, injectable } from 'tsyringe';
import { z } from 'zod';
import { SledgeError, tokens } from '../src';
import type { PluginContext, PluginDefinition } from '../src';
import { loadPlugins, PluginHost } from '../src/plugins/plugin-host';
import { journalPlugin } from './support/fakes';

const never = () => new Promise<void>(() => undefined);
const throws = () => {
  throw new Error('on purpose');
};

async function hostOf(sources: readonly unknown[], limitMs = 1000): Promise<PluginHost> {
  const host = new PluginHost({
    limits: {
      createTimeoutMs: limitMs,
      startTimeoutMs: limitMs,
      drainTimeoutMs: limitMs,
      stopTimeoutMs: limitMs,
    },
    logger: pino({ level: 'silent' }),
    seed: 7,
  });
  const references = sources.map((source, index) => ({
    place: `p[${index}]`,
    kind: 'observer' as const,
    source,
    options: undefined,
  }));
  await host.create(loadPlugins(references, process.cwd()));
  return host;
}

function observer(journal: string[], name: string, steps = {}): PluginDefinition {
  return journalPlugin(name, 'observer', journal, steps);
}

test('plugins are created and started in order, drained and stopped in reverse', async () => {
  const journal: string[] = [];
  const host = await hostOf([observer(journal, 'one'), observer(journal, 'two')]);
  await host.start();
  expect(await host.drain()).toEqual([]);
  expect(await host.stop()).toEqual([]);
  expect(journal).toEqual([
    'create one',
    'create two',
    'start one',
    'start two',
    'drain two',
    'drain one',
    'stop two',
    'stop one',
  ]);
});

test('a plugin whose create throws is named with its own code', async () => {
  const made = hostOf([observer([], 'one', { create: throws })]);
  await expect(made).rejects.toMatchObject({ code: 'SLEDGE_ERR_PLUGIN_CREATE' });
});

test('a plugin whose create gives nothing is named with its own code', async () => {
  const source = { ...observer([], 'one'), create: () => undefined };
  await expect(hostOf([source])).rejects.toMatchObject({ code: 'SLEDGE_ERR_PLUGIN_CREATE' });
});

test('a plugin whose start throws is named with its own code', async () => {
  const host = await hostOf([observer([], 'one', { start: throws })]);
  const error: unknown = await host.start().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SledgeError);
  expect(error).toMatchObject({ code: 'SLEDGE_ERR_PLUGIN_START' });
  expect((error as SledgeError).message).toContain('on purpose');
});

test('a start that hangs ends at its limit with the likely cause', async () => {
  const host = await hostOf([observer([], 'slow', { start: never })], 20);
  const error = (await host.start().catch((thrown: unknown) => thrown)) as SledgeError;
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_TIMEOUT');
  expect(error.message).toBe('The plugin slow took longer than 20 ms to start.');
  expect(error.solve).toContain('lifecycle.startTimeoutMs');
});

test('a plugin that fails to drain or stop does not keep the others from it', async () => {
  const journal: string[] = [];
  const bad = observer(journal, 'bad', { drain: throws, stop: never });
  const host = await hostOf([observer(journal, 'first'), bad], 20);
  await host.start();
  expect((await host.drain()).map((error) => error.code)).toEqual(['SLEDGE_ERR_PLUGIN_DRAIN']);
  expect((await host.stop()).map((error) => error.code)).toEqual(['SLEDGE_ERR_PLUGIN_TIMEOUT']);
  expect(journal.slice(-4)).toEqual(['drain bad', 'drain first', 'stop bad', 'stop first']);
});

test('a plugin that never started is not stopped', async () => {
  const journal: string[] = [];
  const host = await hostOf([
    observer(journal, 'bad', { start: throws }),
    observer(journal, 'two'),
  ]);
  await host.start().catch(() => undefined);
  await host.stop();
  expect(journal).toEqual(['create bad', 'create two', 'start bad', 'stop bad']);
});

test('a decorated class gets its options and context from its container', async () => {
  const started: unknown[] = [];
  @injectable()
  class Watcher {
    static readonly plugin = {
      name: 'watcher',
      kind: 'observer' as const,
      apiVersion: 1,
      options: z.object({ every: z.number().default(3) }),
    };
    constructor(
      @inject(tokens.Options) private readonly options: unknown,
      @inject(tokens.Context) private readonly context: PluginContext,
    ) {}
    start(): void {
      started.push(this.options, this.context.random(), this.context.clock.nowNs());
    }
  }
  const host = await hostOf([Watcher]);
  await host.start();
  expect(started[0]).toEqual({ every: 3 });
  expect(started[1]).toBeGreaterThanOrEqual(0);
  expect(Number.isSafeInteger(started[2])).toBe(true);
});

test('the random numbers of a plugin are the same for the same seed', async () => {
  const drawn: number[] = [];
  const source: PluginDefinition = {
    ...observer([], 'dice'),
    create(_options, context) {
      drawn.push(context.random());
      return {};
    },
  };
  await hostOf([source]);
  await hostOf([source]);
  expect(drawn[0]).toBe(drawn[1]);
});
