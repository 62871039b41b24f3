import type { ControlEvent, LiveFunction } from '../functions/live-function';
import type { StoredFunction, StoredSplit, StoredVersion } from './function-store';

const EVENTS_KEPT = 16;
const PREVIOUS_KEPT = 10;
const VERSIONS_KEPT = 10;

/** What would be kept of a function as it is now. */
export function stateOf(fn: LiveFunction): StoredFunction {
  const { tenant, name, current, nextVersion } = fn;
  const versions = [...fn.versions.values()].filter(({ version }) => version !== 0);
  return {
    tenant,
    name,
    current,
    previous: [...fn.previous],
    nextVersion,
    split: splitOf(fn),
    events: [...fn.events],
    versions: versions.map(({ version, hash, settings, at }) => ({ version, hash, settings, at })),
  };
}

function splitOf({ target }: LiveFunction): StoredSplit | null {
  if (target.split === undefined) return null;
  const { stable, trial, rule } = target.split;
  const arm = ({ version, weight }: { version: number; weight: number }) => ({ version, weight });
  const both = { stable: arm(stable), trial: arm(trial) };
  return rule === undefined ? both : { ...both, rule };
}

/** With one more version, which does not serve yet; what is oldest and not used is left out. */
export function withVersion(state: StoredFunction, added: StoredVersion): StoredFunction {
  const { current, split } = state;
  const used = [current, split?.stable.version, split?.trial.version];
  const versions = [...state.versions, added];
  while (versions.length > VERSIONS_KEPT) {
    const at = versions.findIndex(({ version }) => !used.includes(version));
    versions.splice(at, 1);
  }
  const isThere = (version: number): boolean =>
    version === 0 || versions.some((one) => one.version === version);
  const previous = state.previous.filter(isThere);
  return { ...state, versions, previous, nextVersion: added.version + 1 };
}

/** With all requests for one version. */
export function serving(state: StoredFunction, version: number): StoredFunction {
  const before = state.current >= 0 && state.current !== version ? [state.current] : [];
  const others = state.previous.filter((one) => one !== version && !before.includes(one));
  const previous = [...others, ...before].slice(-PREVIOUS_KEPT);
  return { ...state, current: version, previous, split: null };
}

/** As `serving`, of what served before: it is not remembered as something to come back to. */
export function rolledBack(state: StoredFunction, version: number): StoredFunction {
  const at = state.previous.lastIndexOf(version);
  const previous = at < 0 ? state.previous : state.previous.slice(0, at);
  return { ...state, current: version, previous, split: null };
}

export function withEvent(state: StoredFunction, event: Omit<ControlEvent, 'at'>): StoredFunction {
  const events = [...state.events, { at: new Date().toISOString(), ...event }];
  return { ...state, events: events.slice(-EVENTS_KEPT) };
}
