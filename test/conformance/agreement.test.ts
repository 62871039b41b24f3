import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { compileKernel, Peers, type Program } from './peers';

const ROOT = join(__dirname, '../..');
const KERNELS = join(ROOT, 'bench/kernels');
const FUNCTIONS = join(ROOT, 'functions');

/** Small enough for every way to run in well under a second. */
const KERNEL_ARGUMENTS: Readonly<Record<string, number>> = {
  gemm: 2,
  two_mm: 2,
  jacobi_2d: 6,
  cholesky: 2,
  nbody: 3000,
  mandelbrot: 90,
  sha256: 500,
  quicksort: 20_000,
  vm: 15_000,
  base64: 8,
  search_tree: 3000,
  queens: 8,
  levenshtein: 300,
  dot_product: 100,
  image_filter: 4,
};
const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
/** Written with the intrinsics, and some that clang vectorises; all of them in the long run. */
const SIMD_KERNELS = ['dot_product', 'image_filter', 'jacobi_2d', 'matmul_int', 'sieve'];
/** The third opinion costs a C compiler's run each: in the short run, where V8 is not enough. */
const WITH_WASM2C = new Set(['nbody', 'vm', 'quicksort', 'fibonacci', 'hash', 'echo']);
/** Those that never end, show time and chance, or what the host or a plugin of it gives them. */
const NOT_COMPARABLE = new Set(['endless_loop', 'environ', 'hold', 'memory_growth', 'notes']);
const INPUTS: Readonly<Record<string, { args: string[]; input: string }>> = {
  fibonacci: { args: ['20'], input: '' },
  hash: { args: ['100'], input: '' },
  exit: { args: ['7'], input: '' },
  echo: { args: [], input: 'one line\nand another' },
  huge_output: { args: ['100000'], input: '' },
};

/** Real applications have golden answers: test/e2e/real-functions.test.ts. */
const isSmall = (name: string): boolean => !existsSync(join(FUNCTIONS, name, 'build.json'));

const names = (folder: string, suffix: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => basename(file, suffix));

describe('compiled code agrees with V8 and with wasm2c', () => {
  let directory = '';
  let peers: Peers;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sledge-agreement-'));
    peers = new Peers(directory);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  /** wasm2c takes no vectors. */
  async function expectAgreement(program: Program, simd = false): Promise<void> {
    const reference = peers.v8(program);
    const isWanted = isLong || WITH_WASM2C.has(basename(program.wasm, '.wasm'));
    if (!simd && isWanted) expect(peers.wasm2c(program)).toEqual(reference);
    if (isLong) expect(await peers.sledge(program, { safepoints: 'off' })).toEqual(reference);
    expect(await peers.sledge(program, { safepoints: 'flag' })).toEqual(reference);
  }

  test.each(names(KERNELS, '.c').filter((name) => isLong || !name.startsWith('app_')))(
    'the kernel %s',
    async (kernel) => {
      const wasm = join(directory, `${kernel}.wasm`);
      compileKernel(join(KERNELS, `${kernel}.c`), wasm);
      const args = ['kernel', String(KERNEL_ARGUMENTS[kernel] ?? 1)];
      await expectAgreement({ wasm, args, input: '' });
    },
    120_000,
  );

  test.each(isLong ? names(KERNELS, '.c') : SIMD_KERNELS)(
    'the kernel %s with vectors',
    async (kernel) => {
      const wasm = join(directory, `${kernel}.simd.wasm`);
      compileKernel(join(KERNELS, `${kernel}.c`), wasm, true);
      const args = ['kernel', String(KERNEL_ARGUMENTS[kernel] ?? 1)];
      await expectAgreement({ wasm, args, input: '' }, true);
    },
    120_000,
  );

  test.each(names(FUNCTIONS, '.wasm').filter((name) => !NOT_COMPARABLE.has(name) && isSmall(name)))(
    'the function %s',
    async (name) => {
      const { args, input } = INPUTS[name] ?? { args: [], input: '' };
      const wasm = join(FUNCTIONS, `${name}.wasm`);
      await expectAgreement({ wasm, args: [name, ...args], input });
    },
    120_000,
  );
});
