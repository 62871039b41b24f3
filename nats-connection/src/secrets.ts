import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  usernamePasswordAuthenticator,
  type Authenticator,
  type TlsOptions,
} from '@nats-io/transport-node';
import { readCheckedFile, SledgeError } from '@sledge/core';
import { signerOf, type Signer } from './nkey';
import type { NatsCredentials, NatsOptions } from './options';

const SECRET_BYTES_MAX = 65_536;

/** As `nsc` writes it: a JWT, then a seed, each between lines of dashes. */
const CREDS_PART = /-{3,}[^\n]*-{3,}\r?\n([^\s-]\S*)\s*\n\s*-{3,}/g;

/**
 * Reads the secret again at each connection, so that it can be exchanged without a restart; one
 * that cannot be used any more leaves the one before in force.
 * @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS when it cannot be used at first.
 */
export function authenticatorOf(credentials: NatsCredentials): Authenticator {
  if ('credsFile' in credentials) {
    const parts = secretOf(credentials.credsFile, credsOf);
    return (nonce) => ({ jwt: parts().jwt, sig: parts().signer.sign(nonce ?? '') });
  }
  if ('nkeyFile' in credentials) {
    const signer = secretOf(credentials.nkeyFile, signerOf);
    return (nonce) => ({ nkey: signer().publicKey(), sig: signer().sign(nonce ?? '') });
  }
  const password = secretOf(credentials.passwordFile, (text) => text);
  return usernamePasswordAuthenticator(credentials.user, password);
}

function credsOf(text: string): { jwt: string; signer: Signer } {
  const [jwt = '', seed = ''] = [...`${text}\n`.matchAll(CREDS_PART)].map((match) => match[1]);
  if (jwt === '' || seed === '') throw new Error('it is no .creds file');
  return { jwt, signer: signerOf(seed) };
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

/** What is made of the file's text, made anew when that is another. */
function secretOf<T>(file: string, make: (text: string) => T): () => T {
  const read = () => readSecret(file).toString('utf8').trim();
  let text = read();
  let last = about(file, () => make(text));
  return () => {
    try {
      const now = read();
      if (now !== text) last = make(now);
      text = now;
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

function about<T>(file: string, read: (absolute: string) => T): T {
  try {
    return read(path.resolve(file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SledgeError('SLEDGE_ERR_NATS_CREDENTIALS', { path: file, reason }, { cause: error });
  }
}
