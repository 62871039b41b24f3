import type { OutcomeTimes } from '@sledge/core';

const FRACTIONS = Array.from({ length: 1_000 }, (_, us) => `.${String(us).padStart(3, '0')}`);

/** The value of a Server-Timing header: milliseconds with microsecond digits. */
export function serverTiming(times: OutcomeTimes): string {
  return (
    `queue;dur=${milliseconds(times.queueNs)}, run;dur=${milliseconds(times.runNs)}` +
    `, total;dur=${milliseconds(times.totalNs)}`
  );
}

function milliseconds(ns: number): string {
  // Number formatting of fractions is slow enough to be seen in a profile of the whole server.
  const us = Math.round(ns / 1_000);
  const ms = Math.floor(us / 1_000);
  return `${ms}${FRACTIONS[us - ms * 1_000] ?? ''}`;
}
