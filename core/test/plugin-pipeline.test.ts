import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { definePlugin, SledgeError } from '../src';
import type { ErrorCode, PluginDefinition } from '../src';
import { loadPlugins } from '../src/plugins/plugin-host';
import type { PluginReference } from '../src/plugins/resolve-plugin';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-plugins-'));
afterAll(() => rmSync(folder, { recursive: true }));

const good = definePlugin({
  name: 'observer-test',
  kind: 'observer',
  apiVersion: 1,
  options: z.object({ quantumUs: z.int().min(1).default(5), mode: z.enum(['a', 'b']).optional() }),
  create: () => ({}),
});

function load(source: unknown, options?: unknown, more: Partial<PluginReference> = {}) {
  const reference = { place: 'observers[0]', kind: 'observer' as const, source, options, ...more };
  return loadPlugins([reference], folder);
}

function failure(run: () => unknown): SledgeError {
  try {
    run();
  } catch (error) {
    if (error instanceof SledgeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('a plugin object passes and its options are filled', () => {
  const [plugin] = load(good);
  expect(plugin?.options).toEqual({ quantumUs: 5 });
  expect(plugin?.definition.name).toBe('observer-test');
});

test('a misspelt short name is refused with the nearest installed one', () => {
  const error = failure(() => load('htp', undefined, { kind: 'transport' }));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_NOT_FOUND');
  expect(error.message).toContain('did you mean http?');
});

test('a file that does not exist is refused with its full path', () => {
  const error = failure(() => load('./missing.ts'));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_NOT_FOUND');
  expect(error.message).toContain(path.join(folder, 'missing.ts'));
});

test('a file that throws while it is loaded is refused with its reason', () => {
  writeFileSync(path.join(folder, 'throws.js'), "throw new Error('broken on purpose');\n");
  const error = failure(() => load('./throws.js'));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_IDENTITY');
  expect(error.message).toContain('broken on purpose');
});

test.each<[string, unknown, string]>([
  ['no default export', undefined, 'no default export'],
  ['a number', 7, 'a number'],
  ['a wrong name', { ...good, name: 'Not A Name' }, 'its name'],
  ['an unknown kind', { ...good, kind: 'observr' }, 'did you mean observer?'],
  ['no create', { ...good, create: undefined }, 'no create'],
  ['options that are no schema', { ...good, options: {} }, 'zod schema'],
  ['needs that are no list', { ...good, needs: 'estimates' }, 'its needs'],
])('what has %s is not a plugin', (_title, source, words) => {
  const error = failure(() => load(source));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_IDENTITY');
  expect(error.message).toContain(words);
});

test.each<[string, Partial<PluginDefinition>, ErrorCode]>([
  ['of another kind', { kind: 'transport' }, 'SLEDGE_ERR_PLUGIN_KIND'],
  ['for another plugin API', { apiVersion: 2 }, 'SLEDGE_ERR_PLUGIN_API_VERSION'],
  ['with a need that nothing meets', { needs: ['gravity'] }, 'SLEDGE_ERR_PLUGIN_CAPABILITY'],
])('a plugin %s is refused with its own code', (_title, change, code) => {
  expect(failure(() => load({ ...good, ...change })).code).toBe(code);
});

test('every wrong option is named with its path, also a key that the schema would strip', () => {
  const error = failure(() => load(good, { quantumUs: 0, mode: 'A', quantumU: 1 }));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_OPTIONS');
  expect(error.message).toContain('observers[0].quantumUs: expected at least 1, got 0');
  expect(error.message).toContain('observers[0].mode: expected "a" or "b", got "A"');
  expect(error.message).toContain('observers[0].quantumU: unknown key; did you mean quantumUs?');
});

test('a need is met by any other plugin that provides it', () => {
  const provider = { ...good, name: 'provider', provides: ['estimates'] };
  const consumer = { ...good, name: 'consumer', needs: ['estimates'] };
  const references = [consumer, provider].map((source, index) => ({
    place: `observers[${index}]`,
    kind: 'observer' as const,
    source,
    options: undefined,
  }));
  expect(loadPlugins(references, folder)).toHaveLength(2);
});

test('two plugins of one name are refused', () => {
  const reference = { place: 'x', kind: 'observer' as const, source: good, options: undefined };
  const error = failure(() => loadPlugins([reference, reference], folder));
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_DUPLICATE');
});
