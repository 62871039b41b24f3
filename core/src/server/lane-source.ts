import type { SledgeConfig } from '../config/schema';
import type { DataPlane, DataPlaneOptions } from '../contracts/data-plane';
import type { FunctionRegistry } from '../functions/function-registry';
import { LANE_EVENTS } from '../live';
import type { LaneSource } from '../live';
import type { Recording } from '../recording/recording';

type Kept = DataPlaneOptions['record'];

/** What the data plane must have room for: a recording's events, or those of the lanes. */
export function keptRecords(
  recording: Recording | undefined,
  { port }: SledgeConfig['admin'],
): Kept {
  const kept = recording?.kept;
  if (port === undefined || (kept?.events ?? 0) > 0) return kept;
  return { events: LANE_EVENTS, completions: kept?.completions ?? 0 };
}

/** Who runs on which worker; undefined: the data plane keeps no events. */
export function laneSourceOf(
  plane: DataPlane | undefined,
  registry: FunctionRegistry | undefined,
  recording: Recording | undefined,
  admin: SledgeConfig['admin'],
): LaneSource | undefined {
  const hasRoom = (keptRecords(recording, admin)?.events ?? 0) > 0;
  if (plane?.keepEvents === undefined || !hasRoom) return undefined;
  return {
    plane,
    tap: recording?.tap,
    nameOf: (type) => {
      const fn = registry?.byId(type);
      return fn === undefined ? `function ${type}` : `${fn.tenant}/${fn.name}`;
    },
  };
}
