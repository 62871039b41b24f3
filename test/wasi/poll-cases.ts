import { MEMORY_BYTES } from './probe';
import { BUFFER, call, E, OUT, put, R, show, text, u32, u64, type Case } from './cases';
import { subscriptionOfClock } from './process-cases';

const input = text('abcdef');
const [STDIN, STDOUT, NOT_OPEN] = [0, 1, 31];
const MS = 1_000_000n;
const onDescriptor = (userdata: bigint, type: number, fd: number): Buffer =>
  Buffer.concat([u64(userdata, type), u32(fd, 0), Buffer.alloc(24)]);
const event = (userdata: bigint, errno: number, type: number, bytes = 0n, flags = 0): Buffer =>
  Buffer.concat([u64(userdata), u32(errno + type * 0x10000, 0), u64(bytes, flags)]);
const poll = (count: number): Step[] => [
  call('poll_oneoff', BUFFER, BUFFER + 0x400, count, OUT),
  show(OUT, 4),
];
type Step = Case['steps'][number];
const events = (count: number): Step => show(BUFFER + 0x400, 32 * count);

export const pollCases: readonly Case[] = [
  {
    call: 'poll_oneoff',
    says: 'waits for the first of its clocks',
    steps: [
      put(
        BUFFER,
        subscriptionOfClock(1n, 1, 3_600_000n * MS, 0),
        subscriptionOfClock(2n, 0, 2n * MS, 0),
      ),
      ...poll(2),
      events(1),
    ],
    gives: [0, u32(1), event(2n, 0, 0)],
  },
  {
    call: 'poll_oneoff',
    says: 'answers at once for a time that has come, absolute or relative',
    steps: [
      put(BUFFER, subscriptionOfClock(1n, 1, 1n, 1), subscriptionOfClock(2n, 0, 0n, 0)),
      ...poll(2),
      events(2),
    ],
    gives: [0, u32(2), Buffer.concat([event(1n, 0, 0), event(2n, 0, 0)])],
  },
  {
    call: 'poll_oneoff',
    says: 'tells of standard descriptors at once: what is left of input, and that no more comes',
    input,
    steps: [
      put(
        BUFFER,
        onDescriptor(1n, 1, STDIN),
        onDescriptor(2n, 2, STDOUT),
        subscriptionOfClock(3n, 1, 3_600_000n * MS, 0),
      ),
      ...poll(3),
      events(2),
    ],
    gives: [0, u32(2), Buffer.concat([event(1n, 0, 1, 6n, 1), event(2n, 0, 2, 65_536n)])],
  },
  {
    call: 'poll_oneoff',
    says: 'puts what is wrong with one subscription into its event',
    steps: [
      put(
        BUFFER,
        onDescriptor(1n, 1, NOT_OPEN),
        onDescriptor(2n, 1, STDOUT),
        onDescriptor(3n, 2, STDIN),
        onDescriptor(4n, 3, STDIN),
        subscriptionOfClock(5n, 2, MS, 0),
        subscriptionOfClock(6n, 9, MS, 0),
        subscriptionOfClock(7n, 1, MS, 2),
      ),
      ...poll(7),
      events(7),
    ],
    gives: [
      0,
      u32(7),
      Buffer.concat([
        event(1n, E.badf, 1),
        event(2n, E.badf, 1),
        event(3n, E.badf, 2),
        event(4n, E.inval, 3),
        event(5n, E.notsup, 0),
        event(6n, E.inval, 0),
        event(7n, E.inval, 0),
      ]),
    ],
  },
  {
    call: 'poll_oneoff',
    says: 'needs the right to wait',
    steps: [
      call('fd_fdstat_set_rights', STDIN, R.read, 0),
      put(BUFFER, onDescriptor(1n, 1, STDIN)),
      ...poll(1),
      events(1),
    ],
    gives: [0, 0, u32(1), event(1n, E.notcapable, 1)],
  },
  {
    call: 'poll_oneoff',
    says: 'refuses no subscriptions, and places beyond memory',
    steps: [
      call('poll_oneoff', BUFFER, BUFFER, 0, OUT),
      call('poll_oneoff', MEMORY_BYTES - 47, BUFFER, 1, OUT),
      call('poll_oneoff', BUFFER, MEMORY_BYTES - 31, 1, OUT),
      call('poll_oneoff', BUFFER, BUFFER, 0x10000000, OUT),
      call('poll_oneoff', BUFFER, BUFFER, 1, MEMORY_BYTES - 3),
    ],
    gives: [E.inval, E.fault, E.fault, E.fault, E.fault],
  },
];
