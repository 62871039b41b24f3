import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('sends no interrupts unless told to', () => {
  expect(plugin.options.parse({})).toEqual({ interrupts: false });
});

test.each([{ interrupts: 1 }, { interrupt: true }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
