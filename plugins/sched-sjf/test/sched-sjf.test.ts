import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('preempts unless told otherwise', () => {
  expect(plugin.options.parse({})).toEqual({ preemption: true });
});

test.each([{ preemption: 'no' }, { quantumUs: 5 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
