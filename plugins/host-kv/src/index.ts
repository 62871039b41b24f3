import path from 'node:path';
import { definePlugin, ensureDirectory, z } from '@sledge/core';

/** Built by `npm run setup` from ../native; the same place seen from src and from dist. */
const library = path.resolve(__dirname, '../../../build/native/plugins/host-kv/host-kv.so');

const MIB = 1024 * 1024;
const count = (most: number) => z.number().int().min(1).max(most);
const quotas = {
  /** Keys and values of a tenant together, with 64 bytes for each entry. */
  maxBytes: count(64 * 1024 * MIB),
  maxEntries: count(100_000_000),
  maxKeyBytes: count(4096),
  maxValueBytes: count(65_536),
};

const options = z.strictObject({
  maxBytes: quotas.maxBytes.default(16 * MIB),
  maxEntries: quotas.maxEntries.default(100_000),
  maxKeyBytes: quotas.maxKeyBytes.default(512),
  maxValueBytes: quotas.maxValueBytes.default(65_536),
  /** Where what tenants have put outlives the server; without: in memory alone. */
  directory: z.string().min(1).max(4096).optional(),
  /** With `directory`: what was put so long ago is in its file. */
  flushMs: z.number().int().min(1).max(3_600_000).default(200),
  /** By the name of a tenant: what differs for it. */
  tenants: z.record(z.string(), z.strictObject(quotas).partial()).default({}),
});

type Options = z.output<typeof options>;

/** The native part takes names with values: those of a tenant stand behind its name. */
function flat({ tenants, directory, ...own }: Options): Record<string, number | string> {
  const ofTenants = Object.entries(tenants).flatMap(([tenant, differing]) =>
    Object.entries(differing).map(([name, value]) => [`${tenant}/${name}`, value] as const),
  );
  const kept = directory === undefined ? {} : { directory: path.resolve(directory) };
  return { ...own, ...kept, ...Object.fromEntries(ofTenants) };
}

/** A bounded key/value store for each tenant, for its functions to import as `sledge_kv`. */
export default definePlugin({
  name: 'host-kv',
  kind: 'host',
  apiVersion: 1,
  options,
  needs: ['host-calls'],
  async create(given) {
    if (given.directory !== undefined) await ensureDirectory(path.resolve(given.directory));
    return { native: { library, options: flat(given) } };
  },
});
