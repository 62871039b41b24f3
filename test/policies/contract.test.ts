/** Every policy plugin that is shipped, in each form and variant, against the one contract. */
import { defineDispatcher, defineScheduler } from '@sledge/core';
import { policyContract } from '@sledge/core/testing';
import type { AnyPolicyPlugin, ContractOptions } from '@sledge/core/testing';
import darc from '@sledge/dispatch-darc';
import edfInterrupt from '@sledge/dispatch-edf-interrupt';
import globalQueue from '@sledge/dispatch-global-queue';
import jsq from '@sledge/dispatch-jsq';
import lld from '@sledge/dispatch-lld';
import rr from '@sledge/dispatch-rr';
import shinjuku from '@sledge/dispatch-shinjuku';
import edf from '@sledge/sched-edf';
import fifo from '@sledge/sched-fifo';
import mtdbf from '@sledge/sched-mtdbf';
import mtds from '@sledge/sched-mtds';
import sjf from '@sledge/sched-sjf';
import leastLaxityFirst from '../../examples/policies/least-laxity-first/least-laxity-first';
import workStealing from '../../examples/policies/work-stealing/work-stealing';
import darcTs from '../../plugins/dispatch-darc/src/policy';
import edfInterruptTs from '../../plugins/dispatch-edf-interrupt/src/policy';
import jsqTs from '../../plugins/dispatch-jsq/src/policy';
import shinjukuTs from '../../plugins/dispatch-shinjuku/src/policy';
import edfTs from '../../plugins/sched-edf/src/policy';

const REQUESTS = process.env['SLEDGE_TEST_LONG'] === '1' ? 10_000 : 800;
console.log(`contract: ${REQUESTS} requests in each run`);

const FIFO = { plugin: fifo };
const EDF = { plugin: edf };
const INTERRUPTING = { plugin: jsq, options: { interrupts: true } };
const interrupts = { interrupts: true };
const inOrder = { overdue: 'in-order' };
const byHand = { reservation: 'by-hand', reserved: [1] };

type Row = [AnyPolicyPlugin, Record<string, unknown>, ContractOptions, AnyPolicyPlugin?];
const ROWS: Row[] = [
  [globalQueue, {}, { beside: FIFO, claims: { isWorkConserving: true, isFifoWithinType: true } }],
  [rr, {}, { beside: FIFO }],
  [rr, interrupts, { beside: EDF }],
  [jsq, {}, { beside: FIFO }, jsqTs],
  [jsq, interrupts, { beside: EDF }, jsqTs],
  [lld, {}, { beside: FIFO }],
  [lld, interrupts, { beside: EDF }],
  [edfInterrupt, {}, { beside: EDF }, edfInterruptTs],
  [shinjuku, {}, { beside: FIFO, claims: { isWorkConserving: true } }, shinjukuTs],
  [darc, {}, { beside: FIFO }, darcTs],
  [darc, byHand, { beside: FIFO }, darcTs],
  [fifo, {}, { beside: { plugin: globalQueue } }],
  [fifo, { quantumUs: 20 }, { beside: { plugin: rr } }],
  [edf, {}, { beside: INTERRUPTING }, edfTs],
  [edf, inOrder, { beside: INTERRUPTING, claims: { ordersByDeadline: true } }, edfTs],
  [sjf, {}, { beside: INTERRUPTING }],
  [mtds, {}, { beside: INTERRUPTING }],
  [mtdbf, {}, { beside: INTERRUPTING }],
  [workStealing, {}, { beside: FIFO }],
  [leastLaxityFirst, {}, { beside: INTERRUPTING }],
];

for (const [plugin, options, given, typescript] of ROWS) {
  const forms = typescript === undefined ? [] : [{ plugin: typescript, options }];
  policyContract({ plugin, options }, { ...given, forms, requests: REQUESTS });
}

/** What the contract says of a policy: by test, the error or nothing. */
function verdict(plugin: AnyPolicyPlugin, options: ContractOptions): Record<string, string> {
  const said: Record<string, string> = {};
  const test = (title: string, body: () => void) => {
    try {
      body();
      said[title] = '';
    } catch (error) {
      said[title] = (error as Error).message;
    }
  };
  const frame = { test, describe: (_title: string, body: () => void) => body() };
  policyContract({ plugin }, { ...options, frame });
  return said;
}

test('a dispatcher that loses a request is found', () => {
  const loses = defineDispatcher({
    name: 'loses',
    create: () => ({
      arrive(request, workers) {
        if (request.id !== 700) workers.assign(request.id % workers.length, request);
      },
    }),
  });
  expect(verdict(loses, { beside: FIFO })['loses and doubles nothing at 0.5 of capacity']).toMatch(
    /never/,
  );
});

test('a scheduler that decides by what it remembers is found', () => {
  let calls = 0;
  const remembers = defineScheduler({
    name: 'remembers',
    create: () => ({ rank: () => ((calls += 1) * 7919) % 104_729 }),
  });
  const said = verdict(remembers, { beside: INTERRUPTING });
  expect(said['decides the same from the same seed']).toMatch(/decided differently/);
});

test('a claim that is not kept is found', () => {
  const said = verdict(sjf, { beside: INTERRUPTING, claims: { ordersByDeadline: true } });
  expect(said['starts requests of a worker in order of deadline']).not.toBe('');
});

test('a form that decides otherwise is found', () => {
  const said = verdict(jsq, { beside: FIFO, forms: [{ plugin: lld }] });
  expect(said['decides as dispatch-lld']).toMatch(/after \d+ events/);
});
