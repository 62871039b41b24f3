import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('takes one request at a time unless a batch is given', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(instance.native.options).toEqual({ batch: 1 });
});

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({ batch: 8 }), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test.each([{ batch: 0 }, { batch: 1.5 }, { batchSize: 2 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
