import { MEMORY_BYTES } from './probe';
import { any, BUFFER, call, E, is, OUT, put, show, text, u32, u64, type Case } from './cases';

const REALTIME = 0;
const MONOTONIC = 1;
const PROCESS_CPU = 2;
const THREAD_CPU = 3;
const MS = 1_000_000n;
const YEAR_2020_NS = 1_577_836_800_000_000_000n;

const after = (least: bigint) => is((bytes) => bytes.readBigUInt64LE() >= least);
const args = ['x', 'long argument'];
const environ = ['A=1', 'EMPTY='];
const NUL = '\0';

const strings: Case[] = [
  {
    call: 'args_sizes_get',
    says: 'tells how many there are and their bytes',
    args,
    steps: [call('args_sizes_get', OUT, OUT + 4), show(OUT, 8)],
    gives: [E.success, u32(3, 'probe'.length + 1 + 'x'.length + 1 + 'long argument'.length + 1)],
  },
  {
    call: 'args_sizes_get',
    says: 'takes places at the very end of memory, and no further',
    steps: [
      call('args_sizes_get', MEMORY_BYTES - 8, MEMORY_BYTES - 4),
      call('args_sizes_get', MEMORY_BYTES - 3, OUT),
      call('args_sizes_get', OUT, 0xffffffff),
    ],
    gives: [E.success, E.fault, E.fault],
  },
  {
    call: 'args_get',
    says: 'gives each with its address, the name of the function first',
    args,
    steps: [call('args_get', OUT, BUFFER), show(OUT, 12), show(BUFFER, 22)],
    gives: [E.success, u32(BUFFER, BUFFER + 6, BUFFER + 8), text(['probe', ...args, ''].join(NUL))],
  },
  {
    call: 'args_get',
    says: 'refuses places beyond memory and writes nothing',
    steps: [
      put(BUFFER, u32(7)),
      call('args_get', BUFFER, MEMORY_BYTES - 5),
      call('args_get', MEMORY_BYTES - 3, BUFFER),
      show(BUFFER, 4),
    ],
    gives: [E.fault, E.fault, u32(7)],
  },
  {
    call: 'environ_sizes_get',
    says: 'tells how many there are and their bytes',
    environ,
    steps: [call('environ_sizes_get', OUT, OUT + 4), show(OUT, 8)],
    gives: [E.success, u32(2, 11)],
  },
  {
    call: 'environ_sizes_get',
    says: 'refuses places beyond memory',
    steps: [call('environ_sizes_get', MEMORY_BYTES - 3, OUT)],
    gives: [E.fault],
  },
  {
    call: 'environ_get',
    says: 'gives each with its address',
    environ,
    steps: [call('environ_get', OUT, BUFFER), show(OUT, 8), show(BUFFER, 11)],
    gives: [E.success, u32(BUFFER, BUFFER + 4), text([...environ, ''].join(NUL))],
  },
  {
    call: 'environ_get',
    says: 'writes nothing without variables, and refuses places beyond memory',
    steps: [call('environ_get', MEMORY_BYTES, MEMORY_BYTES), call('environ_get', 0xffffffff, 0)],
    gives: [E.success, E.fault],
  },
];

const clocks: Case[] = [
  {
    call: 'clock_res_get',
    says: 'knows all four clocks, and no fifth',
    steps: [REALTIME, MONOTONIC, PROCESS_CPU, THREAD_CPU, 4].flatMap((id) => [
      call('clock_res_get', id, OUT),
      show(OUT, 8),
    ]),
    gives: [0, 1, 2, 3].flatMap(() => [E.success, after(1n)] as const).concat([E.inval, any]),
  },
  {
    call: 'clock_res_get',
    says: 'refuses a place beyond memory',
    steps: [call('clock_res_get', REALTIME, MEMORY_BYTES - 7)],
    gives: [E.fault],
  },
  {
    call: 'clock_time_get',
    says: 'gives the time of day, and refuses an unknown clock',
    steps: [
      call('clock_time_get', REALTIME, 1n, OUT),
      show(OUT, 8),
      call('clock_time_get', 4, 0n, OUT),
      call('clock_time_get', 0xffffffff, 0n, OUT),
    ],
    gives: [E.success, after(YEAR_2020_NS), E.inval, E.inval],
  },
  {
    call: 'clock_time_get',
    says: 'shows a sleep on the monotonic clock',
    steps: [
      call('clock_time_get', MONOTONIC, 0n, OUT),
      put(BUFFER, subscriptionOfClock(1n, MONOTONIC, 3n * MS, 0)),
      call('poll_oneoff', BUFFER, BUFFER + 64, 1, OUT + 8),
      call('clock_time_get', MONOTONIC, 0n, OUT + 8),
      show(OUT, 16),
    ],
    gives: [
      E.success,
      E.success,
      E.success,
      is((bytes) => bytes.readBigUInt64LE(8) - bytes.readBigUInt64LE() >= 3n * MS),
    ],
  },
  {
    call: 'clock_time_get',
    says: 'shows only the time of this invocation on the CPU clocks',
    steps: [PROCESS_CPU, THREAD_CPU].flatMap((id) => [
      call('clock_time_get', id, 0n, OUT),
      show(OUT, 8),
    ]),
    gives: [PROCESS_CPU, THREAD_CPU].flatMap(
      () => [E.success, is((bytes) => bytes.readBigUInt64LE() < 60_000n * MS)] as const,
    ),
  },
  {
    call: 'clock_time_get',
    says: 'refuses a place beyond memory',
    steps: [call('clock_time_get', MONOTONIC, 0n, MEMORY_BYTES - 7)],
    gives: [E.fault],
  },
];

/** Preview 1's subscription to a clock. */
export function subscriptionOfClock(
  userdata: bigint,
  clock: number,
  timeoutNs: bigint,
  flags: number,
): Buffer {
  return Buffer.concat([u64(userdata), u64(0), u32(clock, 0), u64(timeoutNs, 0n, flags)]);
}

const others: Case[] = [
  {
    call: 'random_get',
    says: 'fills all of the buffer, over more than one turn of work',
    steps: [call('random_get', 0x800, 70_000 - 0x1000), show(0x800, 64), show(0xf000, 64)],
    gives: [E.success, is(isRandom), is(isRandom)],
  },
  {
    call: 'random_get',
    says: 'does nothing for no bytes, at the end of memory too, and refuses what lies beyond',
    steps: [
      put(BUFFER, u32(7)),
      call('random_get', BUFFER, 0),
      show(BUFFER, 4),
      call('random_get', MEMORY_BYTES, 0),
      call('random_get', MEMORY_BYTES - 3, 4),
      call('random_get', 0xfffffff0, 0x20),
    ],
    gives: [E.success, u32(7), E.success, E.fault, E.fault],
  },
  ...[0, 1, 255, 256, 0xffffffff].map((code): Case => ({
    call: 'proc_exit',
    says: `ends it at once with ${code}`,
    steps: [call('proc_exit', code), call('sched_yield')],
    gives: [],
    ends: code === 0 ? { status: 'completed' } : { status: 'exited', exitCode: code | 0 },
  })),
  {
    call: 'proc_raise',
    says: 'ends it as a signal does: 128 and its number',
    steps: [call('proc_raise', 6), call('sched_yield')],
    gives: [],
    ends: { status: 'exited', exitCode: 134 },
  },
  {
    call: 'proc_raise',
    says: 'ignores what is ignored by default, and refuses to stop or an unknown signal',
    steps: [0, 16, 17, 22, 27, 18, 31].map((signal) => call('proc_raise', signal)),
    gives: [0, 0, 0, 0, 0, E.notsup, E.inval],
  },
];

function isRandom(bytes: Buffer): boolean {
  return bytes.filter((byte) => byte === 0).length < 16;
}

export const processCases: readonly Case[] = [...strings, ...clocks, ...others];
