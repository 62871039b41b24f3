import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  credsAuthenticator,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type TlsOptions,
} from '@nats-io/transport-node';
import { readCheckedFile, SledgeError } from '@sledge/core';
import type { NatsCredentials, NatsOptions } from './options';

const SECRET_BYTES_MAX = 65_536;

/**
 * Reads the secret again at each connection, so that it can be exchanged without a restart; one
 * that cannot be read any more leaves the one before in force.
 * @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS when it cannot be read at first.
 */
export function authenticatorOf(credentials: NatsCredentials): Authenticator {
  if ('credsFile' in credentials) {
    return credsAuthenticator(secretOf(credentials.credsFile));
  }
  if ('nkeyFile' in credentials) {
    const seed = secretOf(credentials.nkeyFile);
    return nkeyAuthenticator(() => Buffer.from(text(seed())));
  }
  const password = secretOf(credentials.passwordFile);
  return usernamePasswordAuthenticator(credentials.user, () => text(password()));
}

/** @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS */
export function tlsOf(tls: NonNullable<NatsOptions['tls']>): TlsOptions {
  const { caFile, certFile, keyFile } = tls;
  const options: TlsOptions = {};
  if (caFile !== undefined) options.ca = about(caFile, (file) => readFileSync(file, 'utf8'));
  if (certFile !== undefined) options.cert = about(certFile, (file) => readFileSync(file, 'utf8'));
  if (keyFile !== undefined) options.key = readSecret(keyFile).toString();
  return options;
}

function secretOf(file: string): () => Uint8Array {
  let last = readSecret(file);
  return () => {
    try {
      last = readSecret(file);
    } catch {
      // said when the server refuses the one before
    }
    return last;
  };
}

function readSecret(file: string): Buffer {
  return about(file, (absolute) =>
    readCheckedFile(absolute, { kind: 'secret', bytesMax: SECRET_BYTES_MAX }),
  );
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim();
}

function about<T>(file: string, read: (absolute: string) => T): T {
  try {
    return read(path.resolve(file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SledgeError('SLEDGE_ERR_NATS_CREDENTIALS', { path: file, reason }, { cause: error });
  }
}
