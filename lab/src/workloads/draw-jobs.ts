import { SledgeError } from '@sledge/core';
import type { WorkloadSpec } from '@sledge/core';
import { loadBinding, reasonOf } from '@sledge/core/host';
import { nativeWorkload } from './native-workload';
import { formatTrace } from './trace-file';

const FIELDS = 4;
const NS_PER_US = 1000;

/** What decides which requests a run sees; as in `Cell`. */
export interface Draw {
  readonly workload: WorkloadSpec;
  readonly load: number | undefined;
  readonly workers: number;
  readonly requests: number;
  readonly seed: number;
}

/**
 * The requests of a run as a trace that `readTrace` reads; at most the first 10 million.
 * @throws SledgeError SLEDGE_ERR_LAB_CELL
 */
export function drawTrace(draw: Draw): string {
  const { workload, load = 0, workers, requests, seed } = draw;
  let jobs: Float64Array;
  try {
    const options = { workload: nativeWorkload(workload), load, workers, requests, seed };
    jobs = loadBinding().binding.drawJobs(options);
  } catch (error) {
    throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason: reasonOf(error) }, { cause: error });
  }
  return formatTrace(rowsOf(jobs, workload));
}

function* rowsOf(jobs: Float64Array, { classes }: WorkloadSpec) {
  for (let at = 0; at < jobs.length; at += FIELDS) {
    const [arrivalNs = 0, type = 0, serviceNs = 0, deadlineNs = 0] = jobs.subarray(at, at + FIELDS);
    yield {
      arrivalUs: arrivalNs / NS_PER_US,
      className: classes[type]?.name ?? '',
      serviceUs: serviceNs / NS_PER_US,
      ...(deadlineNs > 0 && { deadlineUs: deadlineNs / NS_PER_US }),
    };
  }
}
