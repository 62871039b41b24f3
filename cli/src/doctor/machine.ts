import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { allowedCores, configSchema, workerCores, workerCount } from '@sledge/core/host';
import { SLOT_GIB } from './fact';
import type { Fact } from './fact';

/** Mappings of one slot: memory, guards, stack and its guard, with some room. */
const MAPPINGS_PER_SLOT = 4;
/** Mappings of the process itself and of loaded functions. */
const OTHER_MAPPINGS = 8192;
const USER_ADDRESS_BYTES = 2 ** 47;

/** What can be read without the native part. */
export function machineFacts(): Fact[] {
  return [
    nodeFact(),
    architectureFact(),
    coresFact(),
    mappingsFact(),
    addressSpaceFact(),
    openFilesFact(),
    hugePagesFact(),
  ];
}

function nodeFact(): Fact {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  const meaning = isEnough ? 'new enough' : 'Sledge needs Node 20.19 or newer';
  const verdict = isEnough ? 'good' : 'bad';
  return { name: 'node', value: process.versions.node, verdict, meaning };
}

function architectureFact(): Fact {
  const isNative = process.arch === 'x64' && process.platform === 'linux';
  return {
    name: 'architecture',
    value: `${process.platform} ${process.arch}`,
    verdict: isNative ? 'good' : 'bad',
    meaning: isNative ? 'the native data plane runs' : "set sandbox: 'v8'",
  };
}

function coresFact(): Fact {
  const { workers } = configSchema.parse({});
  const allowed = allowedCores();
  const isPinned = workerCores(workers, allowed).some((core) => core >= 0);
  const count = workerCount(workers);
  const placed = isPinned ? 'on the last cores' : 'unpinned';
  const alone = allowed.length > 1 ? '' : '; workers share the only core with JavaScript';
  return {
    name: 'cores',
    value: `${allowed.length} of ${cpus().length} (${cpus()[0]?.model.trim() ?? 'unknown'})`,
    verdict: allowed.length > 1 ? 'good' : 'note',
    meaning: `workers.count auto is ${count}, ${placed}${alone}`,
  };
}

function mappingsFact(): Fact {
  const limit = numberIn('/proc/sys/vm/max_map_count');
  if (limit === undefined) return unknown('vm.max_map_count');
  const slots = Math.max(0, Math.floor((limit - OTHER_MAPPINGS) / MAPPINGS_PER_SLOT));
  return slotsFact('vm.max_map_count', String(limit), slots, 'sysctl vm.max_map_count raises it');
}

function addressSpaceFact(): Fact {
  const limit = limitOf('Max address space');
  if (limit === undefined) return unknown('address space');
  const bytes = Math.min(limit, USER_ADDRESS_BYTES * 0.9);
  const value = limit === Infinity ? 'unlimited' : `${Math.floor(limit / 2 ** 30)} GiB`;
  const slots = Math.floor(bytes / (SLOT_GIB * 2 ** 30));
  return slotsFact('address space', value, slots, 'ulimit -v unlimited removes it');
}

function slotsFact(name: string, value: string, slots: number, wayOut: string): Fact {
  const wanted = configSchema.parse({}).arena.slots;
  const isEnough = slots >= wanted;
  const meaning = `arena.slots up to ${slots}`;
  return {
    name,
    value,
    verdict: isEnough ? 'good' : 'bad',
    meaning: isEnough ? meaning : `${meaning}, the default is ${wanted}; ${wayOut}`,
  };
}

function openFilesFact(): Fact {
  const limit = limitOf('Max open files');
  if (limit === undefined) return unknown('open files');
  const isEnough = limit >= 4096;
  return {
    name: 'open files',
    value: String(limit),
    verdict: isEnough ? 'good' : 'note',
    meaning: `about ${limit - 100} connections${isEnough ? '' : '; ulimit -n raises it'}`,
  };
}

function hugePagesFact(): Fact {
  const text = read('/proc/meminfo') ?? '';
  const count = Number(/^HugePages_Total:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  const transparent = /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '');
  return {
    name: 'huge pages',
    value: `${count} reserved, transparent: ${transparent?.[1] ?? 'unknown'}`,
    verdict: 'good',
    meaning: 'slots use 4 KiB pages; only a DPDK transport needs reserved ones',
  };
}

function unknown(name: string): Fact {
  return { name, value: 'unknown', verdict: 'note', meaning: 'it could not be read' };
}

function limitOf(name: string): number | undefined {
  const line = (read('/proc/self/limits') ?? '').split('\n').find((text) => text.startsWith(name));
  const soft = line?.slice(name.length).trim().split(/\s+/)[0];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

function numberIn(file: string): number | undefined {
  const text = read(file);
  return text === undefined ? undefined : Number(text);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
