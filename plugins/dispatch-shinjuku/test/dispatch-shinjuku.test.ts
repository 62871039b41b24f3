import { existsSync } from 'node:fs';
import type { PluginContext } from '@sledge/core';
import plugin from '../src';

const context = {} as PluginContext;

test('names a library that the native build has made', async () => {
  const instance = await plugin.create(plugin.options.parse({}), context);
  expect(existsSync(instance.native.library)).toBe(true);
});

test('takes turns of 15 us and resumes anywhere unless told otherwise', () => {
  expect(plugin.options.parse({})).toEqual({
    intervalUs: 15,
    resume: 'any-worker',
    defaultDeadlineUs: 1_000_000,
  });
});

test('needs a sandbox that can be preempted', () => {
  expect(plugin.needs).toEqual(['preemption']);
});

test.each([{ intervalUs: 0 }, { resume: 'here' }, { interval: 5 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
