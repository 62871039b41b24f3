import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer, TlsOptions } from 'node:tls';
import type { Logger } from 'pino';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { readCheckedFile } from '../files/private-file';

const PEM_BYTES_MAX = 1_048_576;
const MS_PER_S = 1_000;

/** Absolute paths of PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  /** Others may not read it. */
  readonly keyFile: string;
  /** Clients need a certificate of one of these authorities; undefined: they need none. */
  readonly clientCaFile?: string | undefined;
}

/** Calls back when one of the files is another, or an operator asks. @returns ends it. */
export type WatchFiles = (files: readonly string[], onChange: () => void) => () => void;

interface Material extends SecureContextOptions {
  /** Seconds since 1970. */
  readonly notAfter: number;
}

/**
 * Certificate and key of a listener, TLS 1.2 or later. While it is attached to its server they are
 * read again when their files change; what cannot be used leaves the ones before in force.
 */
export class TlsIdentity {
  #reloads = 0;
  #reloadFailures = 0;
  #handshakeFailures = 0;
  #material: Material;
  #unwatch: (() => void) | undefined;

  /** @throws SledgeError SLEDGE_ERR_TLS_FILES naming the file. */
  constructor(
    readonly files: TlsFiles,
    private readonly logger: Logger,
  ) {
    this.#material = read(files);
  }

  /** For a new server. @param handshakeTimeoutMs until a client is connected. */
  serverOptions(handshakeTimeoutMs: number): TlsOptions {
    const asksClients = this.files.clientCaFile !== undefined;
    return {
      ...contextOf(this.#material),
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: asksClients,
      rejectUnauthorized: asksClients,
    };
  }

  /** Keeps the server's certificate in step with the files until `detach`. */
  attach(server: TlsServer, watch: WatchFiles): void {
    server.on('tlsClientError', () => (this.#handshakeFailures += 1));
    const { certFile, keyFile, clientCaFile } = this.files;
    const all = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
    this.#unwatch = watch(all, () => this.#reload(server));
  }

  detach(): void {
    this.#unwatch?.();
  }

  /** Counted since it was made; `tls_not_after_seconds` is when the certificate ends. */
  stats(): Record<string, number> {
    return {
      tls_reloads: this.#reloads,
      tls_reload_failures: this.#reloadFailures,
      tls_handshake_failures: this.#handshakeFailures,
      tls_not_after_seconds: this.#material.notAfter,
    };
  }

  #reload(server: TlsServer): void {
    const { certFile } = this.files;
    try {
      const material = read(this.files);
      server.setSecureContext(contextOf(material));
      this.#material = material;
      this.#reloads += 1;
      this.logger.info({ certFile }, 'the certificate was read again');
    } catch (error) {
      this.#reloadFailures += 1;
      const code = error instanceof SledgeError ? error.code : undefined;
      this.logger.error({ code, certFile }, `${reasonOf(error)} The one before stays in force.`);
    }
  }
}

function contextOf({ cert, key, ca, minVersion, honorCipherOrder }: SecureContextOptions) {
  return { cert, key, ca, minVersion, honorCipherOrder };
}

function read({ certFile, keyFile, clientCaFile }: TlsFiles): Material {
  const cert = pem(certFile, 'public');
  const notAfter = about(certFile, () => Date.parse(new X509Certificate(cert).validTo));
  const key = pem(keyFile, 'secret');
  const ca = clientCaFile === undefined ? undefined : pem(clientCaFile, 'public');
  if (clientCaFile !== undefined) about(clientCaFile, () => new X509Certificate(ca as Buffer));
  const options = { cert, key, ca, minVersion: 'TLSv1.2', honorCipherOrder: true } as const;
  about(keyFile, () => createSecureContext(options));
  return { ...options, notAfter: notAfter / MS_PER_S };
}

function pem(file: string, kind: 'secret' | 'public'): Buffer {
  return about(file, () => readCheckedFile(file, { kind, bytesMax: PEM_BYTES_MAX }));
}

function about<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_TLS_FILES', details, { cause: error });
  }
}
