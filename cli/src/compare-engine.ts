import path from 'node:path';
import { LiveEngine, SimulatedEngine } from '@sledge/lab';
import type { AnyWorkload, CompareEngine, Experiment } from '@sledge/lab';

/** What runs one workload of the experiment. @throws SledgeError SLEDGE_ERR_CLI_USAGE */
export function compareEngine(
  experiment: Experiment,
  workload: AnyWorkload,
  settings: { folder: string; threads?: number | undefined },
): CompareEngine {
  if (experiment.engine === 'simulated') return new SimulatedEngine(experiment, workload, settings);
  const command = [process.execPath, path.join(__dirname, '..', 'bin', 'sledge.js')];
  return LiveEngine.of(experiment, workload, { command });
}
