import { join } from 'node:path';
import { createSledge, type Sledge } from '@sledge/core';
import pino from 'pino';
import type { BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';

const AT_ONCE = 8;

/** Asks until so many have been answered, `AT_ONCE` at a time. */
async function ask(sledge: Sledge, count: number): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    for (; left > 0; left -= 1) await sledge.invoke('empty', { args: [], environ: [] });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** What one server's policy thread took on the average, in ns, once its code is compiled. */
async function once(context: BenchContext, policy: string, requests: number) {
  const path = join(context.root, 'functions/empty.wasm');
  const sledge = createSledge(
    {
      workers: { count: 1, cores: 'unpinned' },
      transports: [],
      dispatcher: join(context.root, policy),
      scheduler: 'edf',
      policies: { decisionLimitMs: 10_000, starvationLimitMs: 10_000 },
      tenants: [{ name: 'bench', functions: [{ name: 'empty', path }] }],
    },
    { logger: pino({ level: 'silent' }), withTransports: false },
  );
  await sledge.start();
  try {
    await ask(sledge, requests);
    const status = sledge.policyStatus();
    if (status.live !== 'driving') throw new Error(`${policy} is ${status.live}`);
    return { callbackNs: status.meanCallbackUs * 1000, roundTripNs: status.meanRoundTripUs * 1000 };
  } finally {
    await sledge.drain();
    await sledge.stop();
  }
}

/** `edf-interrupt` in TypeScript on its own thread, driving the data plane. */
export async function livePolicy(context: BenchContext): Promise<Figure[]> {
  const rounds = context.quick ? 1 : 5;
  const requests = context.quick ? 10_000 : 50_000;
  const callback: number[] = [];
  const roundTrip: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = await once(context, 'plugins/dispatch-edf-interrupt/src/policy.ts', requests);
    callback.push(sample.callbackNs);
    roundTrip.push(sample.roundTripNs);
  }
  context.note(`edf-interrupt in TypeScript, live: 1 worker, ${AT_ONCE} requests at once`);
  return [
    figure('callback_typescript_live', 'ns', callback),
    figure('roundtrip_typescript_live', 'ns', roundTrip),
  ];
}
