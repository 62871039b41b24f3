import path from 'node:path';
import { runTrial } from '@sledge/core/testing';
import type { PolicyUnderTest } from '@sledge/core/testing';
import jsq from '@sledge/dispatch-jsq';
import edf from '@sledge/sched-edf';
import fifo from '@sledge/sched-fifo';
import { costModel, loadPolicies, loadWorkload, runCell } from '@sledge/lab';
import type { PolicyChoices } from '@sledge/lab';
import leastLaxityFirst from '../../examples/policies/least-laxity-first/least-laxity-first';
import workStealing from '../../examples/policies/work-stealing/work-stealing';

const EXAMPLES = path.join(__dirname, '../../examples/policies');
const LAXITY = path.join(EXAMPLES, 'least-laxity-first/least-laxity-first.ts');
const STEALING = path.join(EXAMPLES, 'work-stealing/work-stealing.ts');

const INTERRUPTING = { plugin: jsq, options: { interrupts: true } };

function trial(dispatcher: PolicyUnderTest, scheduler: PolicyUnderTest, more: object = {}) {
  return runTrial({ dispatcher, scheduler }, { requests: 10_000, load: 0.95, ...more });
}

async function simulated(choices: PolicyChoices, load: number, workers: number) {
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const workload = await loadWorkload({ source: 'high-bimodal' }, __dirname);
  const policies = loadPolicies(choices, __dirname);
  const requests = 20_000;
  const run = runCell({ workload, ...policies, workers, load, requests, seed: 1, costs });
  return run?.result;
}

test.each([
  ['least-laxity-first', INTERRUPTING, { plugin: leastLaxityFirst }, {}],
  ['work-stealing', { plugin: workStealing }, { plugin: fifo }, { isWorkConserving: true }],
  ['work-stealing over edf', { plugin: workStealing }, { plugin: edf }, {}],
])('%s loses and doubles nothing, and keeps its promises', (_name, dispatcher, scheduler, more) => {
  const { violation, left, finished, refused, removed } = trial(dispatcher, scheduler, more);
  expect({ violation, left }).toEqual({ violation: '', left: 0 });
  expect(finished + refused + removed).toBe(10_000);
});

test('stealing shortens the mean sojourn time of workers in turn', async () => {
  const stealing = await simulated({ dispatcher: STEALING, scheduler: 'fifo' }, 0.8, 4);
  const inTurn = await simulated({ dispatcher: 'rr', scheduler: 'fifo' }, 0.8, 4);
  expect(stealing?.sojournUs.mean).toBeLessThan(0.7 * (inTurn?.sojournUs.mean ?? 0));
});

test('least laxity first meets deadlines that first come, first served misses', async () => {
  const laxity: PolicyChoices = {
    dispatcher: ['jsq', { interrupts: true }],
    scheduler: LAXITY,
  };
  const mine = await simulated(laxity, 0.7, 1);
  const inOrder = await simulated({ dispatcher: 'jsq', scheduler: 'fifo' }, 0.7, 1);
  expect(mine?.missRate).toBeLessThan(0.01);
  expect(inOrder?.missRate).toBeGreaterThan(0.2);
});
