import type { Outcome } from '../src/contracts/invocation';
import { PlaneUnderTest, textOf } from './support/native-plane';

const TOTAL = process.env['SLEDGE_TEST_LONG'] === '1' ? 100_000 : 10_000;
const IN_FLIGHT = 64;

interface Kind {
  readonly name: string;
  readonly args: (number: number) => string[];
  readonly isRight: (outcome: Outcome, number: number) => boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'empty', args: () => [], isRight: ({ status }) => status === 'completed' },
  {
    name: 'echo',
    args: () => [],
    isRight: (outcome, number) => textOf(outcome) === `body ${number}`,
  },
  {
    name: 'exit',
    args: (number) => [String(1 + (number % 100))],
    isRight: ({ exitCode }, number) => exitCode === 1 + (number % 100),
  },
  { name: 'trap_unreachable', args: () => [], isRight: ({ trap }) => trap === 'unreachable' },
  {
    name: 'trap_out_of_bounds',
    args: () => [],
    isRight: ({ trap }) => trap === 'memory out of bounds',
  },
  {
    name: 'fibonacci',
    args: () => ['12'],
    isRight: (outcome) => textOf(outcome).trim() === '144',
  },
];

describe(`${TOTAL} requests through a mix of functions`, () => {
  let under: PlaneUnderTest;

  beforeAll(async () => {
    under = PlaneUnderTest.start({ workerCount: 2 });
    for (const { name } of KINDS) await under.add(name);
  });
  afterAll(() => under.plane.stop());

  it('have one outcome each, and each its own', async () => {
    const outcomes = new Uint8Array(TOTAL);
    const wrong: number[] = [];
    let ended = 0;
    let sent = 0;
    await new Promise<void>((resolve) => {
      const sendOne = (): void => {
        const number = sent;
        sent += 1;
        const kind = KINDS[(number * 7919) % KINDS.length] as Kind;
        const input = Buffer.from(`body ${number}`);
        const request = { args: kind.args(number), environ: [], input };
        under.plane.submit(under.id(kind.name), request, (outcome) => {
          outcomes[number] = (outcomes[number] as number) + 1;
          if (!kind.isRight(outcome, number)) wrong.push(number);
          ended += 1;
          if (sent < TOTAL) sendOne();
          else if (ended === TOTAL) resolve();
        });
      };
      for (let count = 0; count < IN_FLIGHT; count += 1) sendOne();
    });
    expect(wrong).toEqual([]);
    expect(outcomes.every((count) => count === 1)).toBe(true);
    expect(under.plane.stats()).toMatchObject({ accepted: TOTAL, inFlight: 0 });
    // A slot is reset after its reply; hangs here if one never comes back.
    while (under.plane.stats()['slotsUsed'] !== 0) await new Promise(setImmediate);
  }, 300_000);
});
