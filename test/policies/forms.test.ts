import { replayLog, runTrial } from '@sledge/core/testing';
import type { PolicyUnderTest } from '@sledge/core/testing';
import { defineDispatcher, defineScheduler, z } from '@sledge/core';
import darc from '@sledge/dispatch-darc';
import edfInterrupt from '@sledge/dispatch-edf-interrupt';
import jsq from '@sledge/dispatch-jsq';
import shinjuku from '@sledge/dispatch-shinjuku';
import edf from '@sledge/sched-edf';
import fifo from '@sledge/sched-fifo';
import darcTs from '../../plugins/dispatch-darc/src/policy';
import edfInterruptTs from '../../plugins/dispatch-edf-interrupt/src/policy';
import jsqTs from '../../plugins/dispatch-jsq/src/policy';
import shinjukuTs from '../../plugins/dispatch-shinjuku/src/policy';
import edfTs from '../../plugins/sched-edf/src/policy';

const REQUESTS = 10_000;
const LOAD = { requests: REQUESTS, load: 0.95, isRecorded: true };

interface Forms {
  native: PolicyUnderTest;
  typescript: PolicyUnderTest;
  scheduler: PolicyUnderTest;
  /** What was preempted may go on elsewhere. */
  migration?: boolean;
}

const FORMS: [string, Forms][] = [
  [
    'jsq with interrupts',
    {
      native: { plugin: jsq, options: { interrupts: true } },
      typescript: { plugin: jsqTs, options: { interrupts: true } },
      scheduler: { plugin: edf },
    },
  ],
  [
    'edf-interrupt',
    {
      native: { plugin: edfInterrupt },
      typescript: { plugin: edfInterruptTs },
      scheduler: { plugin: edf },
    },
  ],
  [
    'shinjuku, resuming on any worker',
    {
      native: { plugin: shinjuku, options: { intervalUs: 5, resume: 'any-worker' } },
      typescript: { plugin: shinjukuTs, options: { intervalUs: 5, resume: 'any-worker' } },
      scheduler: { plugin: fifo },
      migration: true,
    },
  ],
  [
    'shinjuku, resuming on the same worker',
    {
      native: { plugin: shinjuku, options: { intervalUs: 5, resume: 'same-worker' } },
      typescript: { plugin: shinjukuTs, options: { intervalUs: 5, resume: 'same-worker' } },
      scheduler: { plugin: fifo },
    },
  ],
  [
    'darc, profiled',
    {
      native: { plugin: darc, options: { windowRequests: 200 } },
      typescript: { plugin: darcTs, options: { windowRequests: 200 } },
      scheduler: { plugin: fifo, options: { quantumUs: 5 } },
    },
  ],
  [
    'darc, reserved by hand',
    {
      native: { plugin: darc, options: { reservation: 'by-hand', reserved: [1, 1] } },
      typescript: { plugin: darcTs, options: { reservation: 'by-hand', reserved: [1, 1] } },
      scheduler: { plugin: fifo, options: { quantumUs: 5 } },
    },
  ],
];

describe.each(FORMS)('%s', (_name, { native, typescript, scheduler, migration = false }) => {
  const load = { ...LOAD, migration };
  const pair = { dispatcher: native, scheduler };

  test('decides the same in TypeScript, one by one, over a recorded log', () => {
    const recorded = runTrial(pair, load);
    expect(recorded.violation).toBe('');
    expect(recorded.preemptions).toBeGreaterThan(100);
    const replayed = replayLog({ dispatcher: typescript, scheduler }, recorded.log, load);
    expect(replayed).toMatchObject({ difference: '', failure: '' });
    expect(replayed.decisions).toBeGreaterThan(2 * REQUESTS);
  });

  test('decides the same in C++ over a log that the TypeScript form made', () => {
    const recorded = runTrial({ dispatcher: typescript, scheduler }, { ...load, seed: 7 });
    expect(recorded).toMatchObject({ violation: '', failure: '' });
    expect(recorded.preemptions).toBeGreaterThan(100);
    const replayed = replayLog(pair, recorded.log, { ...load, seed: 7 });
    expect(replayed.difference).toBe('');
  });
});

test('sched-edf decides the same in TypeScript, with either dispatcher form', () => {
  const scheduler = { plugin: edfTs };
  const recorded = runTrial(
    { dispatcher: { plugin: edfInterrupt }, scheduler: { plugin: edf } },
    LOAD,
  );
  for (const dispatcher of [{ plugin: edfInterrupt }, { plugin: edfInterruptTs }]) {
    const replayed = replayLog({ dispatcher, scheduler }, recorded.log, LOAD);
    expect(replayed).toMatchObject({ difference: '', failure: '' });
  }
});

test('a replay into another policy is told from an equal one', () => {
  const recorded = runTrial({ dispatcher: { plugin: jsq }, scheduler: { plugin: edf } }, LOAD);
  const other = { dispatcher: { plugin: edfInterrupt }, scheduler: { plugin: edf } };
  expect(replayLog(other, recorded.log, LOAD).difference).toMatch(/after \d+ events/);
});

test('what a policy throws ends its callbacks and is reported, and nothing else', () => {
  const throwing = defineDispatcher({
    name: 'throws',
    create: () => ({
      arrive(request, workers) {
        if (request.id === 50) throw new Error('no more');
        workers.assign(0, request);
      },
    }),
  });
  const trial = runTrial({ dispatcher: { plugin: throwing }, scheduler: { plugin: fifo } });
  expect(trial.failure).toBe('Error: no more');
  expect(trial.violation).toMatch(/never run/);
});

test('a worker that does not exist is an error of the policy', () => {
  const lost = defineDispatcher({
    name: 'lost',
    create: () => ({ arrive: (request, workers) => void workers.assign(4, request) }),
  });
  const trial = runTrial({ dispatcher: { plugin: lost }, scheduler: { plugin: fifo } });
  expect(trial.failure).toBe('RangeError: workers.assign names worker 4; there are 4');
});

test('a rank that is no integer below 2^53 is an error of the policy', () => {
  const broken = defineScheduler({ name: 'broken', create: () => ({ rank: () => NaN }) });
  const trial = runTrial({ dispatcher: { plugin: jsq }, scheduler: { plugin: broken } });
  expect(trial.failure).toMatch(/RangeError: rank gave NaN/);
});

test('views say what the host knows, and options and random reach the policy', () => {
  const seen: unknown[] = [];
  const curious = defineDispatcher({
    name: 'curious',
    options: z.strictObject({ mark: z.number() }),
    create: ({ mark }, ctx) => ({
      arrive(request, workers) {
        const { id, type, state, arrivalNs, deadlineNs, estimateNs, affinity } = request;
        if (id === 1) seen.push({ id, state, affinity, mark, chance: ctx.random() });
        expect(arrivalNs).toBe(workers.nowNs);
        expect(deadlineNs).toBe(Infinity);
        expect(type).toBeLessThan(4);
        expect(request.slackNs).toBe(Infinity);
        expect(request.remainingNs).toBe(estimateNs);
        expect(workers.heldWorkNs).toBe(estimateNs);
        request.note = id;
        const worker = workers.random() % workers.length;
        const before = workers.at(worker).queueLength;
        workers.assign(workers.at(worker), request);
        expect(workers.at(worker).queueLength).toBe(before + 1);
        expect(request.state).toBe('queued');
        expect(request.worker).toBe(worker);
      },
      completed(request, worker) {
        expect(request.note).toBe(request.id);
        expect(worker.running).toBeNull();
        expect(request.runNs).toBeGreaterThan(0);
      },
    }),
  });
  const dispatcher = { plugin: curious, options: { mark: 3 } };
  const options = { withDeadlines: false, withInterruptions: false };
  const trial = runTrial({ dispatcher, scheduler: { plugin: fifo } }, options);
  expect(trial).toMatchObject({ violation: '', failure: '', left: 0 });
  expect(seen).toEqual([
    { id: 1, state: 'held', affinity: -1, mark: 3, chance: expect.any(Number) },
  ]);
});
