import { createHash } from 'node:crypto';
import { nkeys } from '@nats-io/transport-node';
import { signerOf } from '../../../nats-connection/src/nkey';

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** An operator with accounts, as `nsc` would make them; NATS's JWT, version 2. */
export interface Operator {
  readonly accounts: ReadonlyMap<string, KeyPair>;
  /** For nats-server. */
  readonly config: string;
}

const UNLIMITED = { subs: -1, data: -1, payload: -1 };

function jwt(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const base64 = (value: object | Uint8Array) =>
    Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString('base64url');
  const claims = {
    ...{ jti: createHash('sha256').update(name).digest('hex'), iat: 1_700_000_000, name },
    ...{ iss: issuer.getPublicKey(), sub: subject.getPublicKey(), nats },
  };
  const signed = `${base64({ typ: 'JWT', alg: 'ed25519-nkey' })}.${base64(claims)}`;
  const signer = signerOf(Buffer.from(issuer.getSeed()).toString());
  return `${signed}.${base64(Buffer.from(signer.sign(signed), 'base64'))}`;
}

/** @param names one of them is `system`. */
export function makeOperator(names: readonly string[]): Operator {
  const operator = nkeys.createOperator();
  const accounts = new Map(names.map((name) => [name, nkeys.createAccount()]));
  const limits = { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const preload = [...accounts].map(([name, account]) => {
    const token = jwt(operator, account, name, { limits, type: 'account', version: 2 });
    return `${account.getPublicKey()}: ${token}`;
  });
  const self = jwt(operator, operator, 'operator', { type: 'operator', version: 2 });
  const system = accounts.get('system')?.getPublicKey();
  const config =
    `operator: ${self}\nsystem_account: ${system}\n` +
    `resolver: MEMORY\nresolver_preload: { ${preload.join('\n')} }`;
  return { accounts, config };
}

/** A user of an account, as a .creds file. */
export function credsOf({ accounts }: Operator, account: string): string {
  const issuer = accounts.get(account) as KeyPair;
  const user = nkeys.createUser();
  const token = jwt(issuer, user, `user of ${account}`, { ...UNLIMITED, type: 'user', version: 2 });
  const seed = Buffer.from(user.getSeed()).toString();
  return (
    `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
  );
}
