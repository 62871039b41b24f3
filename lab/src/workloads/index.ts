export { checked as checkWorkload, loadWorkload, type WorkloadChoice } from './load-workload';
export { drawTrace, type Draw } from './draw-jobs';
export { nativeWorkload, valuesOf } from './native-workload';
export { meanUs, PRESET_NAMES, presetPlugin } from './presets';
export { scaledWorkload } from './scale';
export { serviceSchema, workloadSchema } from './schema';
export { formatTrace, readTrace } from './trace-file';
