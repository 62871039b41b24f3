import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('needs a scheduler that orders by deadline, and sandboxes that can be preempted', () => {
  expect(plugin.needs).toEqual(['deadline-order', 'preemption']);
});

test('has no options', () => {
  expect(plugin.options.safeParse({ interrupts: true }).success).toBe(false);
});
