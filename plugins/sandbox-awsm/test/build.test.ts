import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheContents,
  fakeCompiler,
  makeSandbox,
  request,
  temporaryDirectory,
} from './support/builder';
import { module, section, vector, withBody } from './support/wasm';

const directory = temporaryDirectory();
const FIBONACCI = readFileSync(join(__dirname, '../../../functions/fibonacci.wasm'));
const limits = { cpuSeconds: 20, wallSeconds: 60 };
let count = 0;

/** A cache that no other test uses. */
function freshCache(): string {
  return join(directory, `cache-${++count}`);
}

/** Distinct modules, so that nothing is shared by accident. */
function sample(): Uint8Array {
  return withBody([0x41, ++count % 64, 0x1a, 0x0b]);
}

describe('building', () => {
  test('gives a module once, and the cached one afterwards, also to a new builder', async () => {
    const cache = freshCache();
    const first = await makeSandbox().build(request(FIBONACCI, cache));
    expect(first.cached).toBe(false);
    expect(first.contentHash).toMatch(/^[0-9a-f]{64}$/);
    const again = await makeSandbox().build(request(FIBONACCI, cache));
    expect(again).toMatchObject({ cached: true, artifactPath: first.artifactPath });
    expect(cacheContents(cache)).toEqual([`${first.artifactPath.split('/').pop() ?? ''}`]);
  });

  test('builds anew what was damaged in the cache', async () => {
    const cache = freshCache();
    const wasm = sample();
    const { artifactPath } = await makeSandbox().build(request(wasm, cache));
    const whole = readFileSync(artifactPath);
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 1;
    for (const damaged of [whole.subarray(0, whole.length >> 1), flipped, Buffer.alloc(0)]) {
      writeFileSync(artifactPath, damaged);
      expect(await makeSandbox().build(request(wasm, cache))).toMatchObject({ cached: false });
      expect(await makeSandbox().build(request(wasm, cache))).toMatchObject({ cached: true });
    }
  });

  test('keeps levels and options apart', async () => {
    const cache = freshCache();
    const wasm = sample();
    const paths = [
      await makeSandbox().build(request(wasm, cache)),
      await makeSandbox().build(request(wasm, cache, { level: 'development' })),
      await makeSandbox({ strictFloat: true }).build(request(wasm, cache)),
      await makeSandbox({ linkable: true }).build(request(wasm, cache)),
    ].map((built) => built.artifactPath);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test('works with gcc as well', async () => {
    const built = await makeSandbox({ compiler: 'gcc' }).build(request(FIBONACCI, freshCache()));
    expect(existsSync(built.artifactPath)).toBe(true);
  });

  test('of one module at the same time runs one compiler', async () => {
    const log = join(directory, 'runs.log');
    const script = `echo run >> ${log}; exec clang-14 "$@"`;
    const compiler = fakeCompiler(join(directory, 'counting'), script);
    const sandbox = makeSandbox({ compiler });
    const cache = freshCache();
    const wasm = sample();
    const builds = Array.from({ length: 8 }, () => sandbox.build(request(wasm, cache)));
    const paths = (await Promise.all(builds)).map((built) => built.artifactPath);
    expect(new Set(paths).size).toBe(1);
    expect(readFileSync(log, 'utf8')).toBe('run\n');
  });

  test('splits a large module into chunks that are linked into one', async () => {
    const body = [...Array.from({ length: 30_000 }, () => [0x41, 1, 0x1a]).flat(), 0x0b];
    const size = body.length + 1;
    const bytes = [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14, 0, ...body];
    const wasm = module(
      section(1, vector([[0x60, 0, 0]])),
      section(3, vector([[0], [0], [0]])),
      section(10, vector([bytes, bytes, bytes])),
    );
    const built = await makeSandbox({ optimisation: 'O1' }).build(request(wasm, freshCache()));
    expect(existsSync(built.artifactPath)).toBe(true);
  });
});

describe('a build that fails says why and leaves nothing behind', () => {
  const failing: [string, string, object][] = [
    ['is killed', 'kill -9 $$', { code: 'SLEDGE_ERR_BUILD_COMPILER_FAILED' }],
    [
      'is killed after it wrote half a file',
      'for last; do :; done; printf half > "$last"; kill -9 $$',
      { code: 'SLEDGE_ERR_BUILD_COMPILER_FAILED' },
    ],
    [
      'fails',
      'echo "error: no" >&2; exit 1',
      { code: 'SLEDGE_ERR_BUILD_COMPILER_FAILED', message: expect.stringContaining('error: no') },
    ],
    [
      'uses too much time of the processor',
      'while :; do :; done',
      {
        code: 'SLEDGE_ERR_BUILD_COMPILER_LIMIT',
        details: expect.objectContaining({ limit: 'cpuSeconds' }),
      },
    ],
    [
      'writes too much',
      'dd if=/dev/zero of=big bs=65536 count=64 2>&1 >&2; kill -s XFSZ $$',
      {
        code: 'SLEDGE_ERR_BUILD_COMPILER_LIMIT',
        details: expect.objectContaining({ limit: 'fileBytes' }),
      },
    ],
    [
      'takes too long',
      'sleep 100',
      {
        code: 'SLEDGE_ERR_BUILD_COMPILER_LIMIT',
        details: expect.objectContaining({ limit: 'wallSeconds' }),
      },
    ],
  ];

  test.each(failing)('when the compiler %s', async (what, script, expected) => {
    const cache = freshCache();
    const compiler = fakeCompiler(join(directory, `failing-${++count}`), script);
    const sandbox = makeSandbox({
      compiler,
      limits: { ...limits, cpuSeconds: 1, wallSeconds: what === 'takes too long' ? 1 : 60 },
    });
    await expect(sandbox.build(request(sample(), cache))).rejects.toMatchObject(expected);
    expect(cacheContents(cache)).toEqual([]);
  });

  test('when its C needs more heap than there may be', async () => {
    const count = 200_000;
    const counted = vector(Array.from({ length: count }, () => [0]));
    const code = vector(Array.from({ length: count }, () => [2, 0, 0x0b]));
    const wasm = module(section(1, vector([[0x60, 0, 0]])), section(3, counted), section(10, code));
    const sandbox = makeSandbox({ limits: { ...limits, heapBytes: 64 << 20 } });
    const cache = freshCache();
    await expect(sandbox.build(request(wasm, cache))).rejects.toMatchObject({
      code: 'SLEDGE_ERR_BUILD_COMPILER_LIMIT',
      details: expect.objectContaining({ limit: 'heapBytes' }),
    });
    expect(cacheContents(cache)).toEqual([]);
  });

  test('when there is no compiler, and no longer once there is one', async () => {
    const compiler = join(directory, 'back');
    const sandbox = makeSandbox({ compiler });
    const cache = freshCache();
    const build = () => sandbox.build(request(sample(), cache));
    await expect(build()).rejects.toMatchObject({ code: 'SLEDGE_ERR_BUILD_COMPILER_MISSING' });
    fakeCompiler(compiler, 'exec clang-14 "$@"');
    await expect(build()).resolves.toMatchObject({ cached: false });
  });

  test('when a compiler cannot tell its version, and no longer once it can', async () => {
    const compiler = join(directory, 'shy');
    const asked = join(directory, 'asked');
    writeFileSync(
      compiler,
      `#!/bin/sh
[ -e ${asked} ] || { touch ${asked}; exit 1; }
exec clang-14 "$@"
`,
      { mode: 0o755 },
    );
    const sandbox = makeSandbox({ compiler });
    const cache = freshCache();
    const build = () => sandbox.build(request(sample(), cache));
    await expect(build()).rejects.toMatchObject({ code: 'SLEDGE_ERR_BUILD_COMPILER_MISSING' });
    await expect(build()).resolves.toMatchObject({ cached: false });
  });

  test('when the cache cannot be written', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    await expect(makeSandbox().build(request(sample(), join(file, 'x')))).rejects.toMatchObject({
      code: 'SLEDGE_ERR_BUILD_CACHE',
    });
  });

  test('when it is cancelled, and its compiler is stopped', async () => {
    const cache = freshCache();
    const started = join(directory, 'started');
    const compiler = fakeCompiler(join(directory, 'slow'), `echo $$ > ${started}; exec sleep 100`);
    const controller = new AbortController();
    const building = makeSandbox({ compiler }).build(
      request(sample(), cache, { signal: controller.signal }),
    );
    building.catch(() => undefined);
    while (!existsSync(started) || readFileSync(started, 'utf8') === '') await tick();
    controller.abort();
    await expect(building).rejects.toMatchObject({ code: 'SLEDGE_ERR_BUILD_CANCELLED' });
    const pid = readFileSync(started, 'utf8').trim();
    while (isRunning(pid) || cacheContents(cache).length > 0) await tick();
  });

  test('and what a dead process left in the cache is cleared', async () => {
    const cache = freshCache();
    const dead = execFileSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();
    mkdirSync(join(cache, `.build-${dead}-1`), { recursive: true });
    const built = await makeSandbox().build(request(sample(), cache));
    expect(cacheContents(cache)).toEqual([built.artifactPath.split('/').pop()]);
  });

  test('a module in error is refused with its name and offset', async () => {
    const invalid = withBody([0x6a, 0x0b]);
    const details = { name: 'sample', reason: 'type mismatch', offset: invalid.length - 2 };
    await expect(makeSandbox().build(request(invalid, freshCache()))).rejects.toMatchObject({
      code: 'SLEDGE_ERR_BUILD_INVALID',
      details,
    });
    const relaxed = withBody([0xfd, 0x80, 0x02, 0x0b]);
    await expect(makeSandbox().build(request(relaxed, freshCache()))).rejects.toMatchObject({
      code: 'SLEDGE_ERR_BUILD_UNSUPPORTED',
      details: expect.objectContaining({ feature: 'relaxed SIMD' }),
    });
  });
});

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
