import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('puts overdue work behind, with a tenth of the worker, unless told otherwise', () => {
  expect(plugin.options.parse({})).toEqual({
    overdue: 'behind',
    overdueShare: 0.1,
    overdueFinishUs: 10,
  });
});

test.each([{ overdue: 'drop' }, { overdueShare: 1 }, { share: 0.1 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
