import { seededRandom, seedFor } from '@sledge/core/host';
import type { ScheduledRequest } from './schedule';

/** What a class brings to a mix. */
export interface MixPart {
  /** Of all requests; shares need not add up to 1. */
  readonly share: number;
  /** Argument of one request from a uniform number in (0, 1); absent: 0. */
  readonly argument?: ((uniform: number) => number) | undefined;
}

/**
 * Poisson arrivals: gaps are exponential, classes are drawn by their shares. Times, classes and
 * arguments come from streams of their own, so that one does not change the others.
 */
export function* poissonMix(
  parts: readonly MixPart[],
  run: { ratePerS: number; durationUs: number; seed: number },
): Generator<ScheduledRequest> {
  const gap = seededRandom(seedFor(run.seed, 'gap'));
  const choice = seededRandom(seedFor(run.seed, 'class'));
  const argument = seededRandom(seedFor(run.seed, 'argument'));
  const total = parts.reduce((sum, { share }) => sum + share, 0);
  const meanGapNs = 1e9 / run.ratePerS;
  for (let at = nextNs(0, gap, meanGapNs); at < run.durationUs * 1000;) {
    let left = choice() * total;
    let type = 0;
    while (type < parts.length - 1 && left >= (parts[type]?.share ?? 0)) {
      left -= parts[type]?.share ?? 0;
      type += 1;
    }
    const uniform = (argument() + 2 ** -33) / (1 + 2 ** -32);
    yield { atNs: Math.round(at), type, argument: parts[type]?.argument?.(uniform) ?? 0 };
    at = nextNs(at, gap, meanGapNs);
  }
}

const nextNs = (at: number, gap: () => number, meanNs: number): number =>
  at - Math.log(1 - gap()) * meanNs;
