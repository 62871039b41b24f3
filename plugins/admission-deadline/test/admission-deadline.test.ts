import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

test('names a library that the native build has made, with every default filled', async () => {
  const instance = await plugin.create(plugin.options.parse({}), {} as PluginContext);
  expect(existsSync(instance.native.library)).toBe(true);
  expect(Object.keys(instance.native.options)).toEqual(['slackUs', 'workersMax', 'replyMaxShare']);
});

test.each([{ slackUs: -1 }, { slackUs: '5' }, { replyMaxShare: 1 }, { misspelt: 5 }])(
  'refuses %j',
  (options) => {
    expect(plugin.options.safeParse(options).success).toBe(false);
  },
);
