import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { asSledgeError } from '../functions/build-functions';
import type { Sledge } from './sledge';
import { POLICY_KINDS } from './server-policies';

const BODY_BYTES_MAX = 65_536;
const ANSWER_BYTES_MAX = 4 << 20;
const CONNECTIONS_MAX = 16;
const IDLE_MS = 30_000;

/** A policy is named by text here: short name, package name or path, with options. */
const change = z.strictObject({
  kind: z.enum(POLICY_KINDS),
  choice: z.union([
    z.string().min(1).max(1024),
    z.tuple([z.string().min(1).max(1024), z.record(z.string(), z.unknown())]),
  ]),
  /** Name of a worker group. Default: the first. */
  group: z.string().min(1).max(1024).exactOptional(),
});
export type PolicyChangeRequest = z.infer<typeof change>;

export interface ControlSocket {
  readonly path: string;
  close(): Promise<void>;
}

/** Where servers of this user have their control sockets; for this user alone. */
export function controlFolder(): string {
  return path.join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), `sledge-${userInfo().uid}`);
}

/** Makes the folder, and takes away what servers that were killed have left there. */
function removeDead(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of sockets(folder)) {
    if (!isAlive(Number.parseInt(name, 10))) removeSocket(path.join(folder, name));
  }
}

/**
 * What a server that died has left; any other file stays, and listening fails. With bigint: what a
 * stat says without it is seen by Node's next realpath, which stops at a socket (Node 20).
 */
function removeSocket(file: string): void {
  const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  if (found?.isSocket() === true) unlinkSync(file);
}

/**
 * Lets this user's processes on this machine see and change what the server does, over HTTP on a
 * Unix socket of mode 0600: `GET /policies`, `PUT /policies`.
 * @throws SledgeError SLEDGE_ERR_CLI_CONTROL when the socket cannot be made.
 */
export async function openControl(sledge: Sledge, socket?: string): Promise<ControlSocket> {
  const file = socket ?? path.join(controlFolder(), `${process.pid}.sock`);
  const server = createServer((request, response) => void answer(sledge, request, response));
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = IDLE_MS;
  try {
    if (socket === undefined) removeDead(controlFolder());
    removeSocket(file);
    await new Promise<void>((resolve, reject) => {
      const mask = process.umask(0o177); // no moment at which others may connect
      server.once('error', reject).listen(file, () => resolve());
      process.umask(mask);
    });
    chmodSync(file, 0o600);
  } catch (error) {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CLI_CONTROL', details, { cause: error });
  }
  server.unref();
  return {
    path: file,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  sledge: Sledge,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.url !== '/policies') throw usage(`there is no ${request.url}`);
    if (request.method === 'PUT') {
      const { kind, choice, group } = readChange(await bodyOf(request));
      await sledge.setPolicy(kind, choice, group);
    } else if (request.method !== 'GET') {
      throw usage(`no method ${request.method}`);
    }
    send(response, 200, sledge.policyStatus());
  } catch (error) {
    const { code, message, solve, details } = asSledgeError(error);
    send(response, 400, { error: { code, message, solve, details } });
  }
}

function readChange(body: string): PolicyChangeRequest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw usage(`the body is no JSON: ${reasonOf(error)}`);
  }
  const result = change.safeParse(value);
  if (result.success) return result.data;
  throw usage(
    result.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('; '),
  );
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= BODY_BYTES_MAX) parts.push(part);
      else reject(usage(`the body is longer than ${BODY_BYTES_MAX} bytes`));
    });
    request.on('end', () => resolve(Buffer.concat(parts).toString()));
    request.on('error', reject);
  });
}

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
}

/**
 * The control socket of the one server that this user runs, or of the one named.
 * @throws SledgeError SLEDGE_ERR_CLI_CONTROL when there is none or more than one.
 */
export function findControl(socket?: string): string {
  if (socket !== undefined) return socket;
  const folder = controlFolder();
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

/**
 * Asks a server over its control socket. @throws SledgeError SLEDGE_ERR_CLI_CONTROL when it does
 * not answer; the server's own error when it refuses.
 */
export async function askControl(socket: string, body?: PolicyChangeRequest): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answered = await new Promise<string>((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new SledgeError('SLEDGE_ERR_CLI_CONTROL', { path: socket, reason: error.message }));
    const asked = httpRequest(
      { socketPath: socket, path: '/policies', method: text === undefined ? 'GET' : 'PUT' },
      (response) => {
        let got = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          got += part;
          if (got.length > ANSWER_BYTES_MAX) response.destroy(new Error('it answers too much'));
        });
        response.on('end', () => resolve(got)).on('error', fail);
      },
    );
    asked.on('error', fail).setTimeout(IDLE_MS, () => asked.destroy(new Error('no answer')));
    asked.end(text);
  });
  const value = JSON.parse(answered) as { error?: { code: string; details: object } };
  if (value.error === undefined) return value;
  const { code, details } = value.error;
  throw new SledgeError(code as 'SLEDGE_ERR_CLI_USAGE', details as { reason: string });
}
