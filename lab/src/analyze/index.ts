export { analyzeSandboxLogs, SANDBOX_LOG_COLUMNS } from './sandbox-log';
export type { LogAnalysis, LogClass } from './sandbox-log';
