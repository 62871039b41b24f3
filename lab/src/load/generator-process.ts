import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { requestText } from './request-text';
import type { HttpRequest } from './request-text';
import { isRpc, rpcLines } from './rpc-request';
import type { RpcLoadOptions, RpcRequest } from './rpc-request';
import type { LoadRequest } from './run-load';

const BUILT = path.join('build', 'native', 'sledge_load');

/** What the native generator is told. Times in ns. */
export interface GeneratorPlan {
  readonly target: URL;
  readonly mode: 'open-loop' | 'closed-loop';
  /** Of eRPC: sessions. */
  readonly connections: number;
  readonly rpc: RpcLoadOptions;
  /** Requests that may wait for a free connection; more are dropped. */
  readonly waitingMax: number;
  readonly timeoutNs: number;
  /** Nothing is sent after this. */
  readonly endNs: number;
  readonly graceNs: number;
  /** This long before a send time it polls instead of sleeping. */
  readonly spinNs: number;
  readonly scheduleFile: string;
  readonly resultsFile: string;
  readonly requests: readonly LoadRequest[];
  /** Ends the generator at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the generator in a process of its own until it has written its results.
 * @returns connections that it made
 * @throws SledgeError SLEDGE_ERR_LOAD_TARGET, SLEDGE_ERR_LOAD_FAILED, SLEDGE_ERR_NATIVE_MISSING
 */
export async function runGenerator(plan: GeneratorPlan): Promise<{ connects: number }> {
  const lines = await planLines(plan);
  const child = spawn(generatorPath(), [], { stdio: ['pipe', 'pipe', 'pipe'] });
  const abort = (): void => void child.kill('SIGKILL');
  plan.signal?.addEventListener('abort', abort);
  let out = '';
  let failure = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (failure += text));
  child.stdin.on('error', () => undefined); // its end tells more
  child.stdin.end(`${lines.join('\n')}\n`);
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'ended'));
  });
  plan.signal?.removeEventListener('abort', abort);
  if (code !== 0) {
    const reason = failure.trim() || `it ended with ${code}`;
    throw new SledgeError('SLEDGE_ERR_LOAD_FAILED', { reason });
  }
  return { connects: Number(/connects (\d+)/.exec(out)?.[1] ?? 0) };
}

async function planLines(plan: GeneratorPlan): Promise<string[]> {
  const { target } = plan;
  if (target.protocol !== 'http:' && !isRpc(target)) {
    throw wrongTarget(target, `only http: and erpc: are spoken, and this is ${target.protocol}`);
  }
  const address = await addressOf(target);
  return [
    `address ${address} ${target.port === '' ? defaultPort(target) : target.port}`,
    `mode ${plan.mode === 'closed-loop' ? 'closed' : 'open'}`,
    `connections ${plan.connections}`,
    `waiting ${plan.waitingMax}`,
    ...(['timeoutNs', 'endNs', 'graceNs', 'spinNs'] as const).map(
      (key) => `${key} ${Math.round(plan[key])}`,
    ),
    `schedule ${plan.scheduleFile}`,
    `results ${plan.resultsFile}`,
    ...requestLines(plan),
  ];
}

const defaultPort = (target: URL): number => (isRpc(target) ? 31_850 : 80);

function wrongTarget(target: URL, reason: string, cause?: unknown): SledgeError {
  return new SledgeError('SLEDGE_ERR_LOAD_TARGET', { url: target.href, reason }, { cause });
}

function requestLines({ target, requests, rpc }: GeneratorPlan): string[] {
  const isOf = (request: LoadRequest): boolean => 'requestType' in request === isRpc(target);
  if (!requests.every(isOf)) throw wrongTarget(target, 'a class is of another protocol');
  if (isRpc(target)) return rpcLines(requests as readonly RpcRequest[], rpc);
  return (requests as readonly HttpRequest[]).map((request) => {
    const { before, after, tail } = requestText(request, target.host);
    const line = `request ${hex(before)} ${hex(after)} 0 0 ${Number(after.length > 0)}`;
    return tail.length === 0 ? line : `${line} ${request.deadlineUsPerArgument} ${hex(tail)}`;
  });
}

const hex = (bytes: Buffer): string => (bytes.length === 0 ? '-' : bytes.toString('hex'));

async function addressOf(target: URL): Promise<string> {
  const name = target.hostname.replace(/^\[|\]$/g, '');
  try {
    return (await lookup(name, { family: isRpc(target) ? 4 : 0 })).address;
  } catch (error) {
    throw wrongTarget(target, error instanceof Error ? error.message : String(error), error);
  }
}

/** SLEDGE_LOAD_PATH, else build/native/sledge_load of the checkout that this file belongs to. */
function generatorPath(): string {
  const named = process.env.SLEDGE_LOAD_PATH;
  if (named) return path.resolve(named);
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    const file = path.join(folder, BUILT);
    if (existsSync(file)) return file;
    if (folder === path.dirname(folder)) {
      throw new SledgeError('SLEDGE_ERR_NATIVE_MISSING', { reason: `there is no ${BUILT}.` });
    }
  }
}
