import { SledgeError } from '@sledge/core';

const usage = (reason: string): SledgeError => new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });

/** For commander: a number in a range. @throws SledgeError SLEDGE_ERR_CLI_USAGE */
export function numberBetween(low: number, high: number, name: string) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw usage(`${name} is a number from ${low} to ${high}; this is ${text}`);
  };
}

export function wholeBetween(low: number, high: number, name: string) {
  const read = numberBetween(low, high, name);
  return (text: string): number => {
    const value = read(text);
    if (Number.isInteger(value)) return value;
    throw usage(`${name} is a whole number; this is ${text}`);
  };
}

/**
 * `0.1,0.5` is a list; `0.1..0.9` goes from one to the other in nine steps, `0.1..0.9/5` in four.
 * @throws SledgeError SLEDGE_ERR_CLI_USAGE
 */
export function numberList(low: number, high: number, name: string) {
  const read = numberBetween(low, high, name);
  return (text: string): number[] => text.split(',').flatMap((part) => range(part, read, name));
}

const STEPS = 10;
const POINTS_MAX = 1000;

function range(part: string, read: (text: string) => number, name: string): number[] {
  const match = /^([^./]*(?:\.\d+)?)\.\.([^/]+)(?:\/(\d+))?$/.exec(part.trim());
  if (match === null) return [read(part)];
  const [first, last] = [read(match[1] ?? ''), read(match[2] ?? '')];
  const points = match[3] === undefined ? STEPS : wholeBetween(2, POINTS_MAX, name)(match[3]);
  const step = (last - first) / (points - 1);
  return Array.from({ length: points }, (_, at) => Number((first + at * step).toPrecision(6)));
}
