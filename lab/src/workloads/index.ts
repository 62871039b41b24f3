export { checked as checkWorkload, loadWorkload, type WorkloadChoice } from './load-workload';
export { drawTrace, type Draw } from './draw-jobs';
export { nativeWorkload } from './native-workload';
export { PRESET_NAMES, presetPlugin } from './presets';
export { scaledWorkload } from './scale';
export { workloadSchema } from './schema';
export { formatTrace, readTrace } from './trace-file';
