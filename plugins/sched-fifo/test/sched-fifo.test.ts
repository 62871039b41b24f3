import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('runs to completion unless a quantum is given', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(instance.native.options).toEqual({ quantumUs: 0 });
});

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({ quantumUs: 5 }), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test.each([{ quantumUs: -1 }, { quantumUs: '5' }, { quantum: 5 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
