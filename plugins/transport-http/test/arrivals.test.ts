import { Arrivals } from '../src/arrivals';

/** An event loop whose time is moved by hand, in microseconds. */
class Loop {
  nowUs = 1_000;
  idleUs = 0;
  #ends: (() => void)[] = [];
  readonly arrivals = new Arrivals({
    nowNs: () => this.nowUs * 1_000,
    idleNs: () => this.idleUs * 1_000,
    atTurnEnd: (callback) => this.#ends.push(callback),
  });

  /** A turn that reads one request at its begin and another at its end. */
  turn(workUs: number): [first: number, last: number] {
    const first = this.arrivals.nowNs / 1_000;
    this.nowUs += workUs;
    const last = this.arrivals.nowNs / 1_000;
    for (const end of this.#ends.splice(0)) end();
    return [first, last];
  }

  waitFor(us: number): void {
    this.nowUs += us;
    this.idleUs += us;
  }
}

test('what is read by a loop that had waited arrived when the turn began', () => {
  const loop = new Loop();
  expect(loop.turn(300)).toEqual([1_000, 1_000]);
  loop.waitFor(700);
  expect(loop.turn(40_000)).toEqual([2_000, 2_000]);
});

test('what a loop reads without having waited came in the middle of the turn before', () => {
  const loop = new Loop();
  loop.turn(40_000);
  expect(loop.turn(20_000)).toEqual([21_000, 21_000]);
  expect(loop.turn(10)).toEqual([51_000, 51_000]);
});

test('work of another kind between two turns counts, and the wait before it does not', () => {
  const loop = new Loop();
  loop.turn(100);
  loop.waitFor(300);
  loop.nowUs += 6_000; // a timer
  expect(loop.turn(10)).toEqual([4_400, 4_400]);
});

test('what a loop did in a long rest does not make the next request older', () => {
  const loop = new Loop();
  loop.turn(100);
  loop.nowUs += 200_000; // timers, here and there
  loop.waitFor(60_000_000);
  expect(loop.turn(10)).toEqual([60_201_100, 60_201_100]);
});
