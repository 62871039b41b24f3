import { SledgeError } from '../errors/sledge-error';
import type { ControlEvent, LiveFunction } from '../functions/live-function';
import type { RollbackRule } from '../functions/traffic-split';
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

/** How a new version begins. */
export interface Beginning {
  /** Percent of the requests for it; undefined: all of them. */
  readonly split?: number | undefined;
  readonly rollback?: RollbackRule | undefined;
}

/** With one more version that serves. @throws SledgeError SLEDGE_ERR_CONTROL_SETTINGS. */
export function deployed(
  before: StoredFunction,
  added: StoredVersion,
  { split, rollback }: Beginning,
): StoredFunction {
  const { version } = added;
  let state = withVersion(before, added);
  state = split === undefined ? serving(state, version) : splitBetween(state, version, split);
  if (state.split !== null && rollback !== undefined) state.split.rule = rollback;
  return withEvent(state, { action: 'deploy', version });
}

/** What a rollback brings back. @throws SledgeError SLEDGE_ERR_CONTROL_NO_EARLIER. */
export function rollbackTarget(
  { name, current, previous, split }: StoredFunction,
  version?: number,
): number {
  const wanted = version ?? (split === null ? previous.at(-1) : current);
  if (wanted !== undefined) return wanted;
  throw new SledgeError('SLEDGE_ERR_CONTROL_NO_EARLIER', { version: current, name });
}

/** @param isNamed it was asked for by its number, and need not have served before. */
export function takenBack(state: StoredFunction, wanted: number, isNamed: boolean): StoredFunction {
  const isBack = !isNamed || state.previous.includes(wanted);
  const next = isBack ? rolledBack(state, wanted) : serving(state, wanted);
  return withEvent(next, { action: 'rollback', version: wanted });
}

/** The versions with a weight above 0, at most two. @throws SledgeError SLEDGE_ERR_INTERNAL. */
export function weighted(versions: readonly Arm[]): [Arm, Arm?] {
  const [first, second] = versions.filter(({ weight }) => weight > 0);
  if (first === undefined) throw new SledgeError('SLEDGE_ERR_INTERNAL', { reason: 'no weight' });
  return second === undefined ? [first] : [first, second];
}

/** Requests between two versions, or all for one; the one that serves now is the stable one. */
export function divided(
  state: StoredFunction,
  versions: readonly Arm[],
  rollback?: RollbackRule,
): StoredFunction {
  const [first, second] = weighted(versions);
  const isStableLast = second?.version === state.current;
  const [stable, trial] = isStableLast && second ? [second, first] : [first, second];
  const next = serving(state, stable.version);
  if (trial === undefined) return withEvent(next, { action: 'split', version: stable.version });
  next.split = { stable, trial, ...(rollback === undefined ? {} : { rule: rollback }) };
  return withEvent(next, { action: 'split', version: trial.version });
}

type Arm = StoredSplit['stable'];

function splitBetween(state: StoredFunction, trial: number, percent: number): StoredFunction {
  const { current, name } = state;
  if (current < 0 || percent <= 0 || percent >= 100) {
    const wrong = current < 0 ? 'nothing serves yet' : 'it is more than 0 and less than 100';
    const details = { name, problems: `  split: ${wrong}` };
    throw new SledgeError('SLEDGE_ERR_CONTROL_SETTINGS', details);
  }
  const stable = { version: current, weight: 100 - percent };
  return { ...state, split: { stable, trial: { version: trial, weight: percent } } };
}
