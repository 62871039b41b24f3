export { PERF_COLUMN_NAMES, PERF_COLUMNS, perfColumns } from './columns';
export type { PerfColumnChoice, PerfColumnName, PerfFunction } from './columns';
export { COMPLETION_FIELDS } from './completion';
export { PerfText, type PerfFormat } from './perf-text';
export { Recording } from './recording';
export type { RecordingSettings } from './recording-job';
