import { closest, distance } from 'fastest-levenshtein';

/** The candidate that `name` is most likely a misspelling of; undefined if none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const wanted = name.toLowerCase();
  const byLowerCase = new Map(candidates.map((candidate) => [candidate.toLowerCase(), candidate]));
  const best = closest(wanted, [...byLowerCase.keys()]);
  const limit = Math.max(2, Math.floor(Math.max(wanted.length, best.length) / 3));
  return distance(wanted, best) <= limit ? byLowerCase.get(best) : undefined;
}

/** `; did you mean x?`, or nothing: the `{hint}` of the catalogue's messages. */
export function hint(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
