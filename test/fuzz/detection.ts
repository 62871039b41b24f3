import { join } from 'node:path';
import { type Plant, PLANTED_C, PLANTS } from './plants';
import { compareUnit, type Ready } from './small-run';
import { type Change, textOf } from './unit';

/** Modules with a mistake that are tried, at most, in one turn after the other. */
const TURNS = [2, 6, 60];

export interface Detection {
  readonly plant: Plant;
  /** How many modules that have such code it took, and which of them showed it. */
  tried: number;
  shownBy: Ready | undefined;
}

interface Attempt {
  readonly detection: Detection;
  readonly ready: Ready;
}

/**
 * Plants each mistake in modules that were found to be right, the first ones with code that it
 * changes, and asks whether the comparison with V8 shows it. Many planted modules are one unit.
 */
export async function detect(folder: string, right: readonly Ready[]): Promise<Detection[]> {
  const detections = PLANTS.map((plant): Detection => ({ plant, tried: 0, shownBy: undefined }));
  const texts = right.map(({ lowered }) => textOf(lowered));
  const places = PLANTS.map(() => 0);
  const next = (i: number): Ready | undefined => {
    const { change } = PLANTS[i] as Plant;
    for (let at = places[i] ?? 0; at < right.length; at++) {
      const text = texts[at] ?? '';
      if (change(text) === text) continue;
      places[i] = at + 1;
      return right[at];
    }
    places[i] = right.length;
    return undefined;
  };
  for (const [turn, most] of TURNS.entries()) {
    const attempts = detections.flatMap((detection, i): Attempt[] => {
      if (detection.shownBy !== undefined) return [];
      const found = Array.from({ length: most }, () => next(i));
      return found.flatMap((ready) => (ready === undefined ? [] : [{ detection, ready }]));
    });
    await tryAll(join(folder, `planted-${turn}`), attempts);
  }
  return detections;
}

async function tryAll(folder: string, attempts: readonly Attempt[]): Promise<void> {
  if (attempts.length === 0) return;
  const changes: Change[] = attempts.map(({ detection }) => detection.plant.change);
  const ready = attempts.map((attempt) => attempt.ready);
  const unit = { level: 'O0', polled: true, head: PLANTED_C } as const;
  const differences = await compareUnit(folder, ready, unit, changes);
  attempts.forEach(({ detection, ready: module }, i) => {
    if (detection.shownBy !== undefined) return;
    detection.tried++;
    if (differences[i] !== undefined) detection.shownBy = module;
  });
}
