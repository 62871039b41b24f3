import { spawn } from 'node:child_process';
import { SledgeError } from '@sledge/core';

/** What one compiler process may use. */
export interface CompilerLimits {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly fileBytes: number;
  readonly wallSeconds: number;
}

export interface CompilerRun {
  readonly path: string;
  readonly args: readonly string[];
  /** Working directory; temporary files of the compiler stay in it too. */
  readonly directory: string;
  readonly limits: CompilerLimits;
  /** For messages. */
  readonly name: string;
  readonly signal: AbortSignal;
}

const STDERR_BYTES_MAX = 16 * 1024;
/** -t seconds, -v KiB, -f blocks of 512 bytes. The soft limit comes first: its signal says why. */
const SHELL_SCRIPT =
  // where memory runs out, this goes and not the server
  '{ echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null; ' +
  'ulimit -S -t "$1" && ulimit -H -t $(($1 + 5)) && ulimit -v "$2" && ulimit -f "$3" && ' +
  'shift 3 && exec "$@"';

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly wallLimit: boolean;
}

/**
 * Runs the compiler in a process group of its own under resource limits; the group is killed at
 * the wall limit or when cancelled. Throws SLEDGE_ERR_BUILD_COMPILER_*, _CACHE or _CANCELLED.
 */
export async function runCompiler(run: CompilerRun): Promise<void> {
  if (run.signal.aborted) throw cancelled(run);
  const ending = await spawnLimited(run);
  if (run.signal.aborted) throw cancelled(run);
  if (ending.code === 0) return;
  const limit = limitOf(ending);
  if (limit !== undefined) {
    throw new SledgeError('SLEDGE_ERR_BUILD_COMPILER_LIMIT', { name: run.name, limit });
  }
  const reason = reasonOf(ending);
  if (/no space left|disk quota exceeded/i.test(ending.stderr)) {
    throw new SledgeError('SLEDGE_ERR_BUILD_CACHE', { path: run.directory, reason });
  }
  throw new SledgeError('SLEDGE_ERR_BUILD_COMPILER_FAILED', { name: run.name, reason });
}

function cancelled(run: CompilerRun): SledgeError {
  return new SledgeError('SLEDGE_ERR_BUILD_CANCELLED', { name: run.name });
}

function spawnLimited(run: CompilerRun): Promise<Ending> {
  const { limits } = run;
  const numbers = [limits.cpuSeconds, limits.memoryBytes / 1024, limits.fileBytes / 512];
  return new Promise((resolve, reject) => {
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        SHELL_SCRIPT,
        'sh',
        ...numbers.map((n) => String(Math.ceil(n))),
        run.path,
        ...run.args,
      ],
      {
        cwd: run.directory,
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TMPDIR: run.directory },
      },
    );
    let stderr = '';
    let wallLimit = false;
    const kill = (): void => {
      killGroup(child.pid);
    };
    const timer = setTimeout(() => {
      wallLimit = true;
      kill();
    }, limits.wallSeconds * 1000);
    run.signal.addEventListener('abort', kill, { once: true });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < STDERR_BYTES_MAX) stderr += chunk.toString('latin1');
    });
    const done = (): void => {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', kill);
    };
    child.on('error', (error) => {
      done();
      const reason = error.message;
      const details = { name: run.name, reason };
      reject(new SledgeError('SLEDGE_ERR_BUILD_COMPILER_FAILED', details, { cause: error }));
    });
    child.on('close', (code, signal) => {
      done();
      resolve({ code, signal, stderr, wallLimit });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    return; // it has ended by itself
  }
}

function limitOf(ending: Ending): string | undefined {
  if (ending.wallLimit) return 'wallSeconds';
  const { stderr, signal } = ending;
  if (signal === 'SIGXCPU' || /CPU time limit exceeded/i.test(stderr)) return 'cpuSeconds';
  if (signal === 'SIGXFSZ' || /file (size limit exceeded|too large)/i.test(stderr)) {
    return 'fileBytes';
  }
  if (/out of memory|bad_alloc|memory exhausted|cannot allocate memory/i.test(stderr)) {
    return 'memoryBytes';
  }
  return undefined;
}

function reasonOf(ending: Ending): string {
  if (ending.signal !== null) return `it was killed by ${ending.signal}`;
  const lines = ending.stderr.split('\n').filter((line) => line.trim() !== '');
  const first = lines.find((line) => /error/i.test(line)) ?? lines[0] ?? '';
  return `exit code ${String(ending.code)}${first === '' ? '' : `, ${first.slice(0, 400)}`}`;
}
