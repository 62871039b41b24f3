import { createPrivateKey, sign } from 'node:crypto';
import { nkeys } from '@nats-io/transport-node';

/** RFC 8410: an Ed25519 private key is this, then its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEED_BYTES = 32;
const PREFIX_BYTES = 2;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A user's key, to answer the nonce of a server. */
export interface Signer {
  publicKey(): string;
  /** @returns base64 */
  sign(nonce: string): string;
}

/**
 * By Node's crypto: the signature of the library in JavaScript takes so long that it would hold up
 * whatever else the thread has to answer. Throws when the seed is none; what it says holds no part
 * of it.
 */
export function signerOf(seed: string): Signer {
  let pair: ReturnType<typeof nkeys.fromSeed>;
  try {
    pair = nkeys.fromSeed(Buffer.from(seed));
  } catch {
    throw new Error('it has no nkey seed');
  }
  const raw = base32(seed).subarray(PREFIX_BYTES, PREFIX_BYTES + SEED_BYTES);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' });
  let publicKey: string | undefined;
  return {
    publicKey: () => (publicKey ??= pair.getPublicKey()),
    sign: (nonce) => sign(null, Buffer.from(nonce), key).toString('base64'),
  };
}

/** RFC 4648 without padding, of text that is known to be it. */
function base32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    value = ((value << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}
