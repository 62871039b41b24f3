import { type Call, type Descriptor, Right } from './call';
import { Errno } from './errno';
import type { GuestMemory } from './guest-memory';

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const EVENT_CLOCK = 0;
const EVENT_READ = 1;
const EVENT_WRITE = 2;
const WRITABLE_BYTES = 65_536n;
const WAIT_MS_MAX = 1_000;

interface Clocks {
  clockNs(id: number): bigint | undefined;
}

interface Subscription {
  userdata: bigint;
  type: number;
  error: number;
  /** Monotonic; 0: ready now. */
  dueNs: bigint;
  /** What is read or written. */
  of?: Readonly<Descriptor> | undefined;
}

/**
 * Waits until one of `count` subscriptions is due. The worker sleeps meanwhile: it has nothing
 * else to run, and a kill terminates its thread.
 */
export function pollOneoff(
  memory: GuestMemory,
  call: Call,
  clocks: Clocks,
  from: number,
  to: number,
  count: number,
  countOut: number,
): number {
  if (count === 0) return Errno.inval;
  const isCovered =
    memory.covers(from, count * SUBSCRIPTION_BYTES) &&
    memory.covers(to, count * EVENT_BYTES) &&
    memory.covers(countOut, 4);
  if (!isCovered) return Errno.fault;
  const startedNs = process.hrtime.bigint();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const nowNs = process.hrtime.bigint();
    let earliestNs: bigint | undefined;
    let events = 0;
    for (let i = 0; i < count; i += 1) {
      const at = from + i * SUBSCRIPTION_BYTES;
      const subscription = readSubscription(memory, call, clocks, at, startedNs);
      if (subscription.error !== Errno.success || subscription.dueNs <= nowNs) {
        writeEvent(memory, call, to + EVENT_BYTES * events, subscription);
        events += 1;
      } else if (earliestNs === undefined || subscription.dueNs < earliestNs) {
        earliestNs = subscription.dueNs;
      }
    }
    if (events > 0) {
      memory.setU32(countOut, events);
      return Errno.success;
    }
    const waitMs = Number((earliestNs ?? nowNs) - nowNs) / 1e6;
    Atomics.wait(sleeper, 0, 0, Math.min(waitMs, WAIT_MS_MAX));
  }
}

function readSubscription(
  memory: GuestMemory,
  call: Call,
  clocks: Clocks,
  at: number,
  startedNs: bigint,
): Subscription {
  const { view } = memory;
  const userdata = view.getBigUint64(at, true);
  const type = view.getUint8(at + 8);
  const subscription: Subscription = { userdata, type, error: Errno.success, dueNs: 0n };
  if (type > EVENT_WRITE) subscription.error = Errno.inval;
  else if (type === EVENT_CLOCK) readClock(view, clocks, at, startedNs, subscription);
  else {
    subscription.of = call.descriptor(memory.u32(at + 16));
    subscription.error = descriptorError(subscription.of, type);
  }
  return subscription;
}

function descriptorError(descriptor: Readonly<Descriptor> | undefined, type: number): number {
  if (descriptor === undefined) return Errno.badf;
  const isRead = descriptor.kind === 'input' || descriptor.kind === 'file';
  if (descriptor.kind === 'directory' || isRead !== (type === EVENT_READ)) return Errno.badf;
  const needed = Right.poll | (isRead ? Right.read : Right.write);
  return (descriptor.rights & needed) === needed ? Errno.success : Errno.notcapable;
}

function readClock(
  view: DataView,
  clocks: Clocks,
  at: number,
  startedNs: bigint,
  subscription: Subscription,
): void {
  const id = view.getUint32(at + 16, true);
  const flags = view.getUint16(at + 40, true);
  if (id > 1 || flags > 1) {
    subscription.error = id === 2 || id === 3 ? Errno.notsup : Errno.inval;
    return;
  }
  const timeoutNs = view.getBigUint64(at + 24, true);
  const isAbsolute = flags !== 0;
  const leftNs = isAbsolute ? timeoutNs - (clocks.clockNs(id) ?? 0n) : timeoutNs;
  if (leftNs <= 0n) return;
  subscription.dueNs = (isAbsolute ? process.hrtime.bigint() : startedNs) + leftNs;
}

function writeEvent(memory: GuestMemory, call: Call, at: number, event: Subscription): void {
  const { view } = memory;
  const HANGUP = 1n;
  const isReady = event.error === Errno.success;
  const isInput = isReady && event.of?.kind === 'input';
  let bytes = 0n;
  if (isInput) bytes = BigInt(call.given.input.length - call.inputRead);
  else if (isReady && event.type === EVENT_READ) bytes = BigInt(event.of?.leftBytes ?? 0);
  else if (isReady && event.type === EVENT_WRITE) bytes = WRITABLE_BYTES;
  view.setBigUint64(at, event.userdata, true);
  view.setUint16(at + 8, event.error, true);
  view.setUint16(at + 10, event.type, true);
  view.setUint32(at + 12, 0, true);
  view.setBigUint64(at + 16, bytes, true);
  // as of a pipe whose writer has closed it
  view.setBigUint64(at + 24, isInput ? HANGUP : 0n, true);
}
