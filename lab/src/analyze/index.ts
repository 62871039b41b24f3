export { SANDBOX_LOG_COLUMNS } from './log-rows';
export { analyzeSandboxLogs } from './sandbox-log';
export type { LogAnalysis, LogClass } from './sandbox-log';
