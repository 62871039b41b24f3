import { type Address, sumKey } from './abstract-value';
import { HullReader, type LoopAccess } from './hull-reader';
import { asCounted, type CountedLoop, type Loop } from './loops';
import type { Instruction, ValueTypeCode } from './model';

/**
 * Loops that ask before they begin whether one of their accesses would trap.
 *
 * A load must trap out of bounds also when nothing uses its value, so each is forced into a
 * register; and that keeps the compiler from vectorising the loop around it. But where the number
 * of iterations is known at the loop's entry, and nothing can leave it earlier, an access of every
 * iteration whose address moves by the same in each has a highest address that is known there too.
 * Memory begins at 0 and never shrinks: if one byte is touched where that access ends, then no
 * access of the loop below it traps, and none of those needs a force. If the byte is out of bounds,
 * then the loop traps, somewhat earlier than in its iteration: what is between, only the instance's
 * own memory could tell.
 *
 * An address that passes 2^32 begins anew at 0. It does not step over the last 64 KiB below 2^32,
 * which no memory that starts with fewer than 65,536 pages ever has (the host sees to that): such a
 * loop traps, as one does whose counter steps over its limit.
 */
export interface LoopHull {
  readonly start: number;
  readonly end: number;
  readonly counted: CountedLoop;
  readonly probes: readonly HullProbe[];
  /** Places of loads that need no force. */
  readonly loads: ReadonlySet<number>;
}

export interface HullProbe {
  readonly address: Address;
  /** Bytes per iteration. */
  readonly stride: number;
  /** Behind the address: the end of the access that reaches farthest. */
  readonly end: number;
}

/** An address that steps no farther cannot step over what no memory has. */
const STRIDE_MAX = 65536;
/** So that a short loop is not longer at its entry than inside. */
const PROBES_MAX = 8;

/** By the place of the loop. */
export function loopHulls(
  body: readonly Instruction[],
  loops: readonly Loop[],
  localTypes: readonly ValueTypeCode[],
): ReadonlyMap<number, LoopHull> {
  const found = new Map<number, LoopHull>();
  for (const loop of loops) {
    const hull = hullOf(body, loop, localTypes);
    if (hull !== undefined) found.set(loop.start, hull);
  }
  return found;
}

function hullOf(
  body: readonly Instruction[],
  loop: Loop,
  localTypes: readonly ValueTypeCode[],
): LoopHull | undefined {
  const counted = asCounted(body, loop);
  if (counted === undefined) return undefined;
  const reader = new HullReader(localTypes);
  for (let at = loop.start + 1; at < counted.latch; at++) {
    if (!reader.step(body[at] as Instruction, at)) return undefined;
  }
  const probes: HullProbe[] = [];
  const loads = new Set<number>();
  for (const group of groupsOf(reader.accesses)) {
    const probe = probeOf(group, reader, counted);
    const covered = probe === undefined ? [] : group.filter((access) => covers(probe, access));
    if (probe === undefined || covered.length === 0) continue;
    probes.push(probe);
    for (const { place } of covered) loads.add(place);
  }
  if (probes.length === 0 || probes.length > PROBES_MAX) return undefined;
  return { start: loop.start, end: loop.end, counted, probes, loads };
}

/**
 * Accesses of one sum and nearby constants, each group led by one that every iteration makes and no
 * constant of which is below the leader's. The leader is then below 2^32 by more than the others
 * are above it, or traps itself.
 */
function groupsOf(accesses: readonly LoopAccess[]): LoopAccess[][] {
  const bySum = new Map<string, LoopAccess[]>();
  for (const access of accesses) {
    const key = sumKey(access.address);
    const same = bySum.get(key);
    if (same === undefined) bySum.set(key, [access]);
    else same.push(access);
  }
  return [...bySum.values()].flatMap((same) => {
    const groups: LoopAccess[][] = [];
    same.sort((a, b) => a.address.base - b.address.base || Number(b.always) - Number(a.always));
    for (const access of same) {
      const group = groups[groups.length - 1];
      const leader = group?.[0];
      if (leader !== undefined && distanceTo(access, leader.address) < STRIDE_MAX) {
        group?.push(access);
      } else if (access.always) groups.push([access]);
    }
    return groups;
  });
}

function distanceTo({ address }: LoopAccess, from: Address): number {
  return address.base - from.base;
}

/** For a group's accesses; undefined when the address of the loop's last one is not known. */
function probeOf(
  group: readonly LoopAccess[],
  reader: HullReader,
  counted: CountedLoop,
): HullProbe | undefined {
  const address = (group[0] as LoopAccess).address;
  const stride = reader.stride(address);
  if (stride === undefined || Math.abs(stride) > STRIDE_MAX) return undefined;
  const trapsWhenEndless = stride === 0 || Math.abs(stride) >= Math.abs(counted.step);
  if (counted.trips === undefined && !trapsWhenEndless) return undefined;
  const ends = group
    .filter(({ always }) => always)
    .map((access) => distanceTo(access, address) + access.end);
  return { address, stride, end: Math.max(...ends) };
}

function covers(probe: HullProbe, access: LoopAccess): boolean {
  return !access.store && distanceTo(access, probe.address) + access.end <= probe.end;
}
