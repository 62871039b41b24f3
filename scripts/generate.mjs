// Writes what is generated from the sources of truth: native/include/sledge/errors.h and
// docs/errors.md from the error catalogue, docs/sledge.schema.json from the config's schema,
// docs/reference/policies.md from the plugins, docs/reference/metrics.md from the metrics,
// docs/reference/wasi.md from what its tests saw.
// `--check` writes nothing and fails when they differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { metricsPage } from './lib/metrics-page.mjs';
import { policiesPage } from './lib/policies-page.mjs';
import { wasiPage } from './lib/wasi-page.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const { ERROR_CATALOGUE } = require(`${root}core/dist/errors/catalogue.js`);
const { configJsonSchema } = require(`${root}core/dist/config/schema.js`);
const rows = Object.entries(ERROR_CATALOGUE);

/** gRPC's status codes, in the order of their numbers. */
const RPC_STATUSES = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS ' +
  'PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED ' +
  'INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

function rpcStatusNumber(code, name) {
  const number = RPC_STATUSES.indexOf(name);
  if (number < 0) throw new Error(`${code} has an unknown RPC status: ${name}`);
  return number;
}

function errorsHeader() {
  const constants = rows.map(([code, row]) => `  ${code} = ${row.number},`).join('\n');
  const names = rows.map(([code]) => `    case ${code}: return "${code}";`).join('\n');
  const byStatus = new Map();
  for (const [code, row] of rows) {
    const number = rpcStatusNumber(code, row.rpc);
    byStatus.set(number, [...(byStatus.get(number) ?? []), `    case ${code}:`]);
  }
  const statuses = [...byStatus]
    .map(([number, cases]) => `${cases.join('\n')}\n      return ${number};`)
    .join('\n');
  return `/* Generated from core/src/errors/catalogue.ts by scripts/generate.mjs. Do not edit. */
#ifndef SLEDGE_ERRORS_H
#define SLEDGE_ERRORS_H

/* clang-format off */
typedef enum sledge_error {
  SLEDGE_OK = 0,
${constants}
} sledge_error;

static inline const char *sledge_error_name(sledge_error error) {
  switch (error) {
    case SLEDGE_OK: return "SLEDGE_OK";
${names}
  }
  return "SLEDGE_ERR_INTERNAL";
}

/* A number of gRPC's list of status codes. */
static inline int sledge_error_rpc_status(sledge_error error) {
  switch (error) {
    case SLEDGE_OK:
      return 0;
${statuses}
  }
  return ${RPC_STATUSES.indexOf('INTERNAL')};
}
/* clang-format on */
#endif
`;
}

const ORIGIN = 'Generated from `core/src/errors/catalogue.ts` by `npm run generate`.';

function errorsPage() {
  const cell = (text) => text.replaceAll('\n', ' ').replaceAll('|', '\\|');
  const lines = rows.map(
    ([code, row]) =>
      `| \`${code}\` | ${row.number} | ${cell(row.message)} | ${row.http} | ${row.rpc} ` +
      `| ${cell(row.solve)} |`,
  );
  return `# Errors

${ORIGIN} Words in braces are filled in.

| code | number | message | HTTP | RPC | how to solve it |
| --- | --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}

const files = {
  'native/include/sledge/errors.h': errorsHeader(),
  'docs/errors.md': errorsPage(),
  'docs/reference/metrics.md': metricsPage(root),
  'docs/reference/policies.md': policiesPage(root),
  'docs/reference/wasi.md': wasiPage(root),
  'docs/sledge.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
};
let differing = 0;
for (const [file, text] of Object.entries(files)) {
  let present = '';
  try {
    present = readFileSync(root + file, 'utf8');
  } catch {
    // not there yet: written below
  }
  if (present === text) continue;
  differing += 1;
  if (process.argv.includes('--check')) console.error(`${file} is not up to date`);
  else writeFileSync(root + file, text);
}
process.exitCode = process.argv.includes('--check') && differing > 0 ? 1 : 0;
