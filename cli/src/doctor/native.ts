import { SledgeError } from '@sledge/core';
import { configSchema, loadBinding } from '@sledge/core/host';
import { rememberMachine } from '@sledge/lab';
import { SLOT_GIB } from './fact';
import type { Fact } from './fact';

interface Reading {
  key: string;
  name: string;
  meaning: (value: number) => string;
}

/** What the native part measures, all in nanoseconds. */
const READINGS: readonly Reading[] = [
  {
    key: 'signalLatencyNs',
    name: 'signal latency',
    meaning: (ns) =>
      `a kill by signal is late by about this; quanta below ${us(ns * 20)} are lost in it`,
  },
  {
    key: 'futexWakeNs',
    name: 'wake-up of a worker',
    meaning: (ns) =>
      `an idle worker that sleeps answers that much later; workers.spinUs above ${us(ns)} hides it`,
  },
  {
    key: 'timerArmNs',
    name: 'arming a timer',
    meaning: () => 'paid once for each change of the earliest limit',
  },
  {
    key: 'clockReadNs',
    name: 'reading the clock',
    meaning: (ns) =>
      ns < 200 ? 'timestamps of every stage cost little' : 'the kernel clock is slow here; use tsc',
  },
  {
    key: 'yieldNs',
    name: 'yielding a core',
    meaning: () => 'what a worker that shares its core pays',
  },
];

/** What only the native part can measure, or that it is not there. */
export function nativeFacts(): Fact[] {
  try {
    const values = loadBinding().binding.measureMachine();
    rememberMachine(values);
    return [...READINGS.map((reading) => factOf(reading, values)), reservationFact(values)];
  } catch (error) {
    if (!(error instanceof SledgeError)) throw error;
    const meaning = `${error.message} ${error.solve}`;
    return [{ name: 'native part', value: 'none', verdict: 'bad', meaning }];
  }
}

function factOf({ key, name, meaning }: Reading, values: Record<string, number>): Fact {
  const ns = values[key] ?? -1;
  if (ns < 0) {
    return { name, value: 'unknown', verdict: 'note', meaning: 'it could not be measured' };
  }
  return { name, value: us(ns), verdict: 'good', meaning: meaning(ns) };
}

function reservationFact(values: Record<string, number>): Fact {
  const gib = values.reservationMaxGib ?? -1;
  const name = 'largest reservation';
  if (gib < 0) {
    return { name, value: 'unknown', verdict: 'note', meaning: 'it could not be measured' };
  }
  const slots = Math.floor(gib / SLOT_GIB);
  const verdict = slots >= configSchema.parse({}).arena.slots ? 'good' : 'bad';
  const meaning = `the arena is one piece: arena.slots up to ${slots}`;
  return { name, value: `${gib} GiB`, verdict, meaning };
}

function us(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  return ns < 10_000 ? `${(ns / 1000).toFixed(1)} us` : `${Math.round(ns / 1000)} us`;
}
