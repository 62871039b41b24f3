import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { listenOnSocket, removeSocket } from '../admin/listen';
import type { AdminTarget } from '../admin/routes';
import type { PolicyChangeRequest } from '../admin/schemas';
import { reasonOf } from '../errors/reason';
import { isErrorCode } from '../errors/catalogue';
import { SledgeError } from '../errors/sledge-error';
import type { ErrorDetails } from '../errors/sledge-error';

const ANSWER_BYTES_MAX = 64 << 20;
const IDLE_MS = 30_000;
/** A folder (and no link to one) that group and others may not write. */
const FOLDER_MASK = 0o170022n;
const PRIVATE_FOLDER = 0o040000n;

export interface ControlSocket {
  readonly path: string;
  close(): Promise<void>;
}

/** Where servers of this user have their control sockets; for this user alone. */
export function controlFolder(): string {
  return path.join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `sledge-${userInfo().uid}`);
}

/**
 * Its name is known to everybody, and the folder above may be everybody's: whoever makes it first
 * could put a socket of his own in the place of ours. Throws when it is not this user's alone.
 */
function checkOwner(folder: string): void {
  const { uid, mode } = lstatSync(folder, { bigint: true });
  const isOurs = Number(uid) === userInfo().uid && (mode & FOLDER_MASK) === PRIVATE_FOLDER;
  if (!isOurs) throw new Error('it is not a folder of yours that no other user may change');
}

/** Makes the folder, and takes away what servers that were killed have left there. */
function removeDead(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkOwner(folder);
  for (const name of sockets(folder)) {
    if (!isAlive(Number.parseInt(name, 10))) removeSocket(path.join(folder, name));
  }
}

/**
 * Lets this user's processes on this machine see and change what the server does: the admin API on
 * a Unix socket of mode 0600.
 * @throws SledgeError SLEDGE_ERR_CLI_CONTROL when the socket cannot be made.
 */
export async function openControl(target: AdminTarget, socket?: string): Promise<ControlSocket> {
  const file = socket ?? path.join(controlFolder(), `${process.pid}.sock`);
  try {
    if (socket === undefined) removeDead(controlFolder());
    const listener = await listenOnSocket(target, file);
    return { path: file, close: () => listener.close() };
  } catch (error) {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_CONTROL', details, { cause: error });
  }
}

/**
 * The control socket of the one server that this user runs, or of the one named.
 * @throws SledgeError SLEDGE_ERR_CLI_CONTROL when there is none or more than one.
 */
export function findControl(socket?: string): string {
  if (socket !== undefined) return socket;
  const folder = controlFolder();
  try {
    if (existsSync(folder)) checkOwner(folder);
  } catch (error) {
    const details = { path: folder, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_CONTROL', details, { cause: error });
  }
  const live = sockets(folder).filter((name) => isAlive(Number.parseInt(name, 10)));
  if (live[0] !== undefined && live.length === 1) return path.join(folder, live[0]);
  const reason = live.length === 0 ? 'no server of yours runs' : `${live.join(', ')} run`;
  throw new SledgeError('SLEDGE_ERR_CLI_CONTROL', { path: folder, reason });
}

function sockets(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+\.sock$/.test(name));
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export interface AdminQuestion {
  /** Default: GET. */
  method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  path: string;
  /** A module as it is; anything else as JSON. */
  body?: unknown;
  /** How long it may be silent. Default: 30 s; a compiler takes longer. */
  idleMs?: number;
}

/** A server: the path of its socket, or where its admin API listens, with a token for it. */
export type AdminPlace = string | { url: string; token?: string | undefined };

/** The policies over a control socket, or another policy. Throws as `askAdmin` does. */
export function askControl(socket: AdminPlace, change?: PolicyChangeRequest): Promise<unknown> {
  if (change === undefined) return askAdmin(socket, { path: '/policies' });
  return askAdmin(socket, { method: 'PUT', path: '/policies', body: change });
}

/**
 * Asks a server. @throws SledgeError SLEDGE_ERR_CLI_CONTROL when it does not answer; the server's
 * own error when it refuses.
 */
export async function askAdmin(place: AdminPlace, question: AdminQuestion): Promise<unknown> {
  const answered = await exchange(place, question);
  let value: { error?: { code?: unknown; message?: unknown; details?: object } } | null;
  try {
    value = JSON.parse(answered) as typeof value;
  } catch (error) {
    throw noAnswer(place, reasonOf(error));
  }
  if (value?.error === undefined) return value;
  const { code, message, details } = value.error;
  if (isErrorCode(code)) throw new SledgeError(code, details as ErrorDetails);
  // a server of another version may have errors that this one does not know
  throw noAnswer(place, `it refuses: ${String(code)}: ${String(message)}`);
}

function exchange(place: AdminPlace, question: AdminQuestion): Promise<string> {
  const { method = 'GET', path: url, body, idleMs = IDLE_MS } = question;
  const isModule = body instanceof Uint8Array;
  const sent = body === undefined || isModule ? body : JSON.stringify(body);
  const type = isModule ? 'application/wasm' : 'application/json';
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(noAnswer(place, error.message));
    const headers: Record<string, string | number> = {};
    if (sent !== undefined) {
      Object.assign(headers, { 'content-type': type, 'content-length': Buffer.byteLength(sent) });
    }
    const asked = requestTo(place, { path: url, method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('it answers too much'));
        else parts.push(part);
      });
      response.on('end', () => resolve(Buffer.concat(parts).toString())).on('error', fail);
    });
    asked.on('error', fail).setTimeout(idleMs, () => asked.destroy(new Error('no answer')));
    asked.end(sent);
  });
}

function requestTo(
  place: AdminPlace,
  { headers, path: url, ...options }: RequestOptions & { path: string },
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  if (typeof place === 'string') {
    return httpRequest({ ...options, headers, path: url, socketPath: place }, onResponse);
  }
  const whole = new URL(`${place.url.replace(/\/+$/, '')}${url}`);
  const authorization = place.token === undefined ? {} : { authorization: `Bearer ${place.token}` };
  const all = { ...options, headers: { ...(headers as object), ...authorization } };
  const ask = whole.protocol === 'https:' ? httpsRequest : httpRequest;
  return ask(whole, all, onResponse);
}

function noAnswer(place: AdminPlace, reason: string): SledgeError {
  const path = typeof place === 'string' ? place : place.url;
  return new SledgeError('SLEDGE_ERR_CLI_CONTROL', { path, reason });
}
