import { createHash, timingSafeEqual } from 'node:crypto';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { readCheckedFile } from '../files/private-file';

/** What who asks may do. An operator may do all that a reader may. */
export const ROLES = ['reader', 'operator'] as const;
export type Role = (typeof ROLES)[number];

/** Who may do what over one listener. */
export interface Access {
  /**
   * The role of a request with this value of `Authorization`. @throws SledgeError
   * SLEDGE_ERR_ADMIN_UNAUTHENTICATED when it proves none.
   */
  roleOf(authorization: string | undefined): Role;
}

/** For listeners that only those reach who have this role. */
export function everybodyIs(role: Role): Access {
  return { roleOf: () => role };
}

const FILE_BYTES_MAX = 65_536;
const TOKENS_MAX = 256;
const LINE = /^(\S+)[ \t]+([A-Za-z0-9._~+/-]{16,512}=*)$/;

interface Token {
  readonly role: Role;
  readonly digest: Buffer;
}

/**
 * Bearer tokens (RFC 6750) of a file with a line `<role> <token>` for each; empty lines and those
 * that begin with `#` are left out. The file belongs to this user or root, others may not read it,
 * and its group may not write it. It is read once.
 * @throws SledgeError SLEDGE_ERR_ADMIN_TOKENS.
 */
export function bearerTokens(file: string): Access {
  const tokens = readTokens(file);
  return {
    roleOf(authorization) {
      const given = /^Bearer ([^ ]{1,520})$/i.exec(authorization ?? '')?.[1];
      const digest = given === undefined ? undefined : digestOf(given);
      // all of them are looked at: how long it takes says nothing about which one fits
      const fitting = tokens.filter((one) => digest && timingSafeEqual(one.digest, digest));
      const role = fitting.find((one) => one.role === 'operator')?.role ?? fitting[0]?.role;
      if (role === undefined) throw new SledgeError('SLEDGE_ERR_ADMIN_UNAUTHENTICATED');
      return role;
    },
  };
}

function readTokens(file: string): Token[] {
  const wrong = (reason: string, cause?: unknown): SledgeError =>
    new SledgeError('SLEDGE_ERR_ADMIN_TOKENS', { path: file, reason }, { cause });
  let text: string;
  try {
    text = readCheckedFile(file, { kind: 'secret', bytesMax: FILE_BYTES_MAX }).toString('utf8');
  } catch (error) {
    throw wrong(reasonOf(error), error);
  }
  const tokens: Token[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, role, token] = LINE.exec(line) ?? [];
    if (token === undefined || !ROLES.includes(role as Role)) {
      const expected = `"${ROLES.join('" or "')}" and a token of 16 to 512 characters`;
      throw wrong(`line ${index + 1} is not ${expected}`);
    }
    tokens.push({ role: role as Role, digest: digestOf(token) });
  }
  if (tokens.length === 0) throw wrong('it holds no token');
  if (tokens.length > TOKENS_MAX) throw wrong(`it holds more than ${TOKENS_MAX} tokens`);
  return tokens;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
