import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { readCheckedFile } from '../files/private-file';

const FILE_BYTES_MAX = 1_048_576;
const KEYS_MAX = 4_096;
const SECRET_BYTES = 32;
/** What a client sends is not looked at when it is shorter or longer. */
const SECRET_LENGTH_MIN = 16;
const SECRET_LENGTH_MAX = 512;
const LINE = /^(\S+)[ \t]+sha256:([0-9a-f]{64})(?:[ \t]+(\S+))?$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** One client's key, as the file has it. */
export interface ApiKey {
  readonly name: string;
  /** Names of the functions that it may call; undefined: all of its tenant. */
  readonly functions: ReadonlySet<string> | undefined;
}

interface KnownKey extends ApiKey {
  readonly digest: Buffer;
}

/**
 * The keys of a file: a line `<name> sha256:<digest> [function,function]` for each; empty lines and
 * those that begin with `#` do not count. Keys are random, so that one round of SHA-256 keeps them.
 */
export class KeyRing {
  private constructor(private readonly keys: ReadonlyMap<string, KnownKey>) {}

  /** @throws SledgeError SLEDGE_ERR_KEYS_FILE, also for a mode that lets others read it. */
  static read(file: string): KeyRing {
    try {
      const options = { kind: 'secret', bytesMax: FILE_BYTES_MAX } as const;
      return new KeyRing(parse(readCheckedFile(file, options).toString('utf8')));
    } catch (error) {
      const details = { path: file, reason: reasonOf(error) };
      throw new SledgeError('SLEDGE_ERR_KEYS_FILE', details, { cause: error });
    }
  }

  /**
   * The key that a client has sent; undefined: it is none of these. Found by its digest, of which
   * a client that does not know the key can choose nothing; the digests are compared whole.
   */
  find(secret: string): ApiKey | undefined {
    if (secret.length < SECRET_LENGTH_MIN || secret.length > SECRET_LENGTH_MAX) return undefined;
    const digest = digestOf(secret);
    const key = this.keys.get(digest.toString('hex'));
    return key !== undefined && timingSafeEqual(key.digest, digest) ? key : undefined;
  }
}

function parse(text: string): Map<string, KnownKey> {
  const keys = new Map<string, KnownKey>();
  const names = new Set<string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const wrong = (reason: string): Error => new Error(`line ${index + 1} ${reason}`);
    const [, name, hex, functions] = LINE.exec(line) ?? [];
    if (name === undefined || hex === undefined || !NAME.test(name)) {
      throw wrong('is not "name sha256:digest" with the functions it is for');
    }
    if (names.has(name) || keys.has(hex)) throw wrong('has a name or a key that stands twice');
    names.add(name);
    const digest = Buffer.from(hex, 'hex');
    const allowed = functions === undefined ? undefined : new Set(functions.split(','));
    keys.set(hex, { name, functions: allowed, digest });
  }
  if (keys.size > KEYS_MAX) throw new Error(`it holds more than ${KEYS_MAX} keys`);
  return keys;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'latin1').digest();
}

/** A key for a client, and the line for the file, which the key cannot be made of again. */
export interface NewKey {
  readonly secret: string;
  readonly line: string;
}

/** @throws SledgeError SLEDGE_ERR_CLI_USAGE for a name that no file may have. */
export function newKey(name: string, functions: readonly string[] = []): NewKey {
  if (![name, ...functions].every((one) => NAME.test(one))) {
    const reason = 'Names are of letters, digits, ".", "_" and "-", at most 64.';
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
  }
  const secret = `slk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const allowed = functions.length === 0 ? '' : ` ${functions.join(',')}`;
  return { secret, line: `${name} sha256:${digestOf(secret).toString('hex')}${allowed}` };
}
