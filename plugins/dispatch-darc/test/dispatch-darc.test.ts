import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('profiles unless workers are reserved by hand', () => {
  expect(plugin.options.parse({})).toMatchObject({ reservation: 'profiled', reserved: [] });
});

test('passes the reservation on as the native part reads it', async () => {
  const options = plugin.options.parse({ reservation: 'by-hand', reserved: [2, 1] });
  const instance = await plugin.create(options, context);
  expect(instance.native.options).toMatchObject({ reservation: 'by-hand', reserved: '2,1' });
});

test.each([{ reserved: [1] }, { reservation: 'by-hand' }, { similarity: 0.5 }, { window: 5 }])(
  'refuses %j',
  (options) => {
    expect(plugin.options.safeParse(options).success).toBe(false);
  },
);
