import type { Call } from '../src/call';
import { Wasi } from '../src/wasi';

const BADF = 8;
const FAULT = 21;
const INVAL = 28;
const NOTSUP = 58;
const PAGE_BYTES = 65_536;

let wasi: Wasi;
let memory: WebAssembly.Memory;
let call: Call;
const view = (): DataView => new DataView(memory.buffer);
const host = (name: string, ...args: (number | bigint)[]): unknown =>
  wasi.imports['wasi_snapshot_preview1']?.[name]?.(...args);

beforeEach(() => {
  wasi = new Wasi();
  memory = new WebAssembly.Memory({ initial: 1 });
  call = wasi.begin({
    argv: ['fn', 'x'],
    environ: ['A=1'],
    input: Buffer.from('abcdef'),
    maxOutputBytes: 100,
  });
  wasi.attach(memory);
});

/** One vector at 0. */
function vector(address: number, bytes: number): void {
  view().setUint32(0, address, true);
  view().setUint32(4, bytes, true);
}

test('addresses beyond memory are EFAULT, at its very end they work', () => {
  const sizes = (out: number) => host('args_sizes_get', out, 0);
  expect([sizes(PAGE_BYTES - 4), sizes(PAGE_BYTES - 3), sizes(-1)]).toEqual([0, FAULT, FAULT]);
  expect(host('random_get', 10, PAGE_BYTES)).toBe(FAULT);
  expect(host('random_get', -1, -1)).toBe(FAULT);
  expect(host('clock_time_get', 0, 0n, PAGE_BYTES - 7)).toBe(FAULT);
  vector(PAGE_BYTES - 1, 2);
  expect(host('fd_write', 1, 0, 1, 16)).toBe(FAULT);
  expect(host('fd_write', 1, PAGE_BYTES - 4, 1, 16)).toBe(FAULT);
  expect(host('fd_read', 0, 0, 1_025, 16)).toBe(INVAL);
});

test('without a memory everything is EFAULT, nothing throws', () => {
  wasi.attach(undefined);
  expect(host('args_get', 0, 0)).toBe(FAULT);
  expect(host('fd_write', 1, 0, 1, 16)).toBe(FAULT);
  expect(host('poll_oneoff', 0, 0, 1, 0)).toBe(FAULT);
});

test('stdin is read in pieces, to its end', () => {
  const read = (bytes: number): string => {
    vector(100, bytes);
    expect(host('fd_read', 0, 0, 1, 16)).toBe(0);
    return Buffer.from(memory.buffer, 100, view().getUint32(16, true)).toString();
  };
  expect([read(4), read(4), read(4)]).toEqual(['abcd', 'ef', '']);
});

test('a buffer that overlaps its vectors cannot lead outside', () => {
  const input = Buffer.alloc(16, 0xff);
  call = wasi.begin({ argv: [], environ: [], input, maxOutputBytes: 1 });
  wasi.attach(memory);
  view().setUint32(0, 0, true);
  view().setUint32(4, 16, true);
  view().setUint32(8, 100, true);
  view().setUint32(12, 1, true);
  expect(host('fd_read', 0, 0, 2, 32)).toBe(FAULT);
});

test('memory that has grown is seen at once', () => {
  expect(host('args_sizes_get', PAGE_BYTES, 0)).toBe(FAULT);
  memory.grow(1);
  expect(host('args_sizes_get', PAGE_BYTES, 0)).toBe(0);
  expect(view().getUint32(PAGE_BYTES, true)).toBe(2);
});

test('a closed descriptor is EBADF, and only the three exist', () => {
  expect([host('fd_close', 0), host('fd_close', 0), host('fd_close', 3)]).toEqual([0, BADF, BADF]);
  expect(host('fd_read', 0, 0, 0, 16)).toBe(BADF);
  expect(host('fd_read', 1, 0, 0, 16)).toBe(BADF);
  expect(host('fd_write', 0, 0, 0, 16)).toBe(BADF);
  expect(host('fd_fdstat_get', 2, 64)).toBe(0);
  expect(host('fd_fdstat_get', 4, 64)).toBe(BADF);
});

test.each([
  ['fd_prestat_get', [3, 0], BADF],
  ['fd_seek', [1, 0n, 0, 0], 70],
  ['fd_seek', [9, 0n, 0, 0], BADF],
  ['fd_renumber', [1, 2], 0],
  ['fd_renumber', [1, 5], BADF],
  ['fd_sync', [1], INVAL],
  ['path_open', [3, 0, 0, 0, 0, 0n, 0n, 0, 0], BADF],
  ['path_open', [1, 0, 0, 0, 0, 0n, 0n, 0, 0], 54],
  ['path_symlink', [0, 0, 1, 0, 0], 54],
  ['sock_send', [1, 0, 0, 0, 0], 57],
  ['proc_raise', [18], NOTSUP],
  ['sched_yield', [], NOTSUP],
  ['clock_time_get', [4, 0n, 0], INVAL],
  ['clock_res_get', [1, 0], 0],
  ['poll_oneoff', [0, 0, 0, 0], INVAL],
] as const)('%s%j answers %i', (name, args, errno) => {
  expect(host(name, ...args)).toBe(errno);
});

test('poll_oneoff waits for its clock and tells what is ready', () => {
  view().setBigUint64(0, 42n, true);
  view().setUint8(8, 0);
  view().setUint32(16, 1, true);
  view().setBigUint64(24, 20_000_000n, true);
  const started = process.hrtime.bigint();
  expect(host('poll_oneoff', 0, 100, 1, 200)).toBe(0);
  expect(process.hrtime.bigint() - started).toBeGreaterThanOrEqual(20_000_000n);
  expect([view().getUint32(200, true), view().getBigUint64(100, true)]).toEqual([1, 42n]);
  view().setUint8(8, 1);
  view().setUint32(16, 0, true);
  expect(host('poll_oneoff', 0, 100, 1, 200)).toBe(0);
  expect(view().getBigUint64(116, true)).toBe(6n);
});

test('a function that survives its exit gets no second life', () => {
  expect(() => host('proc_exit', 3)).toThrow();
  vector(0, 1);
  expect(() => host('fd_write', 1, 0, 1, 16)).toThrow();
  expect([call.ending, call.output.length]).toEqual([{ kind: 'exit', code: 3 }, 0]);
});

test('the log is bounded', () => {
  memory.grow(2);
  vector(0, 3 * PAGE_BYTES);
  expect(host('fd_write', 2, 0, 1, 16)).toBe(0);
  expect(call.logged.length).toBe(PAGE_BYTES);
});
