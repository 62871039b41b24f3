import path from 'node:path';
import { LiveEngine } from '@sledge/lab';
import type { CompareEngine, Experiment } from '@sledge/lab';
import { SledgeError } from '@sledge/core';

/** What runs the experiment. @throws SledgeError SLEDGE_ERR_CLI_USAGE */
export async function compareEngine(experiment: Experiment): Promise<CompareEngine> {
  if (experiment.engine === 'simulated') {
    const reason = 'comparisons in virtual time are not built yet; use --live';
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
  }
  const command = [process.execPath, path.join(__dirname, '..', 'bin', 'sledge.js')];
  return new LiveEngine(experiment, { command });
}
