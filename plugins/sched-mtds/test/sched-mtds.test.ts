import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

test('names a library that the native build has made, with every default filled', async () => {
  const instance = await plugin.create(plugin.options.parse({}), {} as PluginContext);
  expect(existsSync(instance.native.library)).toBe(true);
  expect(instance.native.options).toEqual({ defaultShare: 0 });
});

test.each([{ defaultShare: 1 }, { defaultShare: -0.1 }, { share: 0.1 }])(
  'refuses %j',
  (options) => {
    expect(plugin.options.safeParse(options).success).toBe(false);
  },
);
