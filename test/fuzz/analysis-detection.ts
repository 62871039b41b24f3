import { join } from 'node:path';
import type { AnalysisPlant } from './analysis-plants';
import { plantedCompiler } from './planted-compiler';
import { compareUnit, type Ready } from './small-run';
import { lowerPart, LOWERING, textOf } from './unit';

/** Compiled together. */
const UNIT_MODULES = 150;
/** A load whose value nobody uses is left out from here on. */
const LEVEL = 'O1';
/** Without polls: those of a loop whose end is not known might never let it end. */
const POLLED = false;

export interface AnalysisDetection {
  readonly plant: AnalysisPlant;
  /** How many modules become other code by the mistake and were tried, and which showed it. */
  tried: number;
  shownBy: Ready | undefined;
}

interface Attempt {
  readonly detection: AnalysisDetection;
  readonly module: Ready;
  readonly planted: Ready;
}

/**
 * Compiles modules that were found to be right by compilers with a mistake in an analysis, and asks
 * whether the comparison with V8 shows it. `most` modules of other code are tried of each.
 */
export async function detectAnalyses(
  folder: string,
  plants: readonly AnalysisPlant[],
  right: readonly Ready[],
  most: number,
): Promise<AnalysisDetection[]> {
  const texts = right.map(({ subject }) => textOf(lowerPart(subject.wasm, POLLED)));
  const detections = plants.map((plant): AnalysisDetection => ({ plant, ...NOTHING }));
  const attempts = detections.flatMap((detection) => attemptsOf(detection, right, texts, most));
  let unit = 0;
  while (attempts.length > 0) {
    const now = attempts.splice(0, UNIT_MODULES);
    const planted = now.map((attempt) => attempt.planted);
    const choice = { level: LEVEL, polled: POLLED } as const;
    const differences = await compareUnit(join(folder, `analysis-${unit++}`), planted, choice);
    now.forEach(({ detection, module }, i) => {
      if (detection.shownBy !== undefined) return;
      detection.tried++;
      if (differences[i] !== undefined) detection.shownBy = module;
    });
  }
  return detections;
}

const NOTHING = { tried: 0, shownBy: undefined };

/** The first modules that the mistake changes. */
function attemptsOf(
  detection: AnalysisDetection,
  right: readonly Ready[],
  texts: readonly string[],
  most: number,
): Attempt[] {
  const lower = plantedCompiler(detection.plant);
  const attempts: Attempt[] = [];
  for (const [i, module] of right.entries()) {
    if (attempts.length === most) break;
    const lowered = lower(module.subject.wasm, { ...LOWERING, polled: POLLED });
    if (textOf(lowered) === texts[i]) continue;
    attempts.push({ detection, module, planted: { ...module, lowered } });
  }
  return attempts;
}
