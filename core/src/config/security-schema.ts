import path from 'node:path';
import { z } from 'zod';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';

const SECRETS_MAX = 32;
const file = z.string().min(1).max(4096);

const tlsFiles = z.strictObject({
  certFile: file.describe('PEM: the certificate, then those between it and its authority.'),
  keyFile: file.describe('PEM: its key, mode 0600 or 0640.'),
  clientCaFile: file
    .optional()
    .describe('PEM: clients need a certificate of one of these authorities. Absent: none.'),
});

/** TLS of a listener; paths are relative to the config's folder. */
export const tlsSchema = tlsFiles.optional();

/** TLS of a tenant's listener. */
export const tenantTlsSchema = z
  .union([z.literal('none'), tlsFiles])
  .optional()
  .describe("Of this tenant's HTTP listener. Default: the configuration's. none: it has none.");

/** File of API keys of a tenant. */
export const keysFileSchema = file
  .optional()
  .describe(
    "File of API keys (`sledge keys new`), relative to the config's folder: who calls one of its " +
      'functions over HTTP needs one. Absent: nobody needs one.',
  );

/** Whether a function of a tenant with keys needs one. */
export const functionKeysSchema = z
  .enum(['required', 'none'])
  .default('required')
  .describe('none: it needs no API key although its tenant has keysFile.');

/** No header becomes a variable of such a name, and no name of CGI is one. */
const SECRET_NAME = new RegExp(
  '^(?!HTTP_|REMOTE_|REQUEST_|SERVER_|CONTENT_|GATEWAY_|SCRIPT_)' +
    '(?!(?:AUTH_TYPE|HTTPS|PATH_INFO|QUERY_STRING)$)[A-Za-z_][A-Za-z0-9_]{0,127}$',
);

/** Secrets of a function, by name of the variable. */
export const secretsSchema = z
  .record(
    z.string().regex(SECRET_NAME, 'a variable of letters, digits and "_" that no request sets'),
    z.strictObject({ file: file.describe('Mode 0600 or 0640. Its content is never shown.') }),
  )
  .refine((all) => Object.keys(all).length <= SECRETS_MAX, `at most ${SECRETS_MAX} secrets`)
  .optional()
  .describe('Variables of its environ, each from a file that is read when the function is loaded.');

export type TlsConfig = z.output<typeof tlsFiles>;

/** The parts of a configuration that name files of secrets, keys and certificates. */
export interface SecurityConfig {
  tls?: TlsConfig | undefined;
  admin: { tls?: TlsConfig | undefined };
  tenants: {
    port?: number | undefined;
    tls?: TlsConfig | 'none' | undefined;
    keysFile?: string | undefined;
    functions: {
      keys: 'required' | 'none';
      requestType?: number | undefined;
      secrets?: Record<string, { file: string }> | undefined;
    }[];
  }[];
}

/** Writes absolute paths into the config. */
export function resolveSecurityFiles(config: SecurityConfig, folder: string): void {
  const absolute = (name: string): string => path.resolve(folder, name);
  for (const tls of [config.tls, config.admin.tls, ...config.tenants.map((one) => one.tls)]) {
    if (tls === undefined || tls === 'none') continue;
    tls.certFile = absolute(tls.certFile);
    tls.keyFile = absolute(tls.keyFile);
    if (tls.clientCaFile !== undefined) tls.clientCaFile = absolute(tls.clientCaFile);
  }
  for (const tenant of config.tenants) {
    tenant.tls ??= config.tls;
    if (tenant.keysFile !== undefined) tenant.keysFile = absolute(tenant.keysFile);
    for (const { secrets = {} } of tenant.functions) {
      for (const secret of Object.values(secrets)) secret.file = absolute(secret.file);
    }
  }
}

/** RPC knows no keys: what needs one must not be reached without. */
export function checkKeys(tenants: SecurityConfig['tenants']): Problem[] {
  return tenants.flatMap((tenant, index) =>
    tenant.functions.flatMap((fn, inner) => {
      const needsKey = tenant.keysFile !== undefined && fn.keys === 'required';
      if (!needsKey || fn.requestType === undefined) return [];
      const keys = ['tenants', index, 'functions', inner, 'requestType'];
      return [problem(keys, 'its tenant has keysFile, and over RPC nobody shows a key: remove it')];
    }),
  );
}
