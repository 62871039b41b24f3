import { createHash } from 'node:crypto';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { readCheckedFile } from '../files/private-file';

const SECRET_BYTES_MAX = 65_536;

/** By name of the variable; files by absolute path. */
export type SecretFiles = Readonly<Record<string, { readonly file: string }>>;

/**
 * The secrets of a function as environ entries, each with a NUL behind it. A line end at the end of
 * a file is not part of its secret.
 * @throws SledgeError SLEDGE_ERR_SECRET_FILE, which names variable and file and nothing else.
 */
export function secretEnviron(secrets: SecretFiles): string[] {
  return Object.entries(secrets).map(([name, { file }]) => {
    try {
      return `${name}=${secretOf(file)}`;
    } catch (error) {
      const details = { name, path: file, reason: reasonOf(error) };
      throw new SledgeError('SLEDGE_ERR_SECRET_FILE', details, { cause: error });
    }
  });
}

/** To tell whether secrets are those that they were. */
export function digestOf(environ: readonly string[]): string {
  return createHash('sha256').update(environ.join('\0')).digest('hex');
}

function secretOf(file: string): string {
  const bytes = readCheckedFile(file, { kind: 'secret', bytesMax: SECRET_BYTES_MAX });
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  bytes.fill(0);
  if (text.includes('\0')) throw new Error('it holds a NUL');
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new Error('it is empty');
  return secret;
}
