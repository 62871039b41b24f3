/**
 * When this process was started, Unix time. Asked once: who sets the clock later has not started
 * another process.
 */
export const STARTED_SECONDS = Math.round(Date.now() / 1e3 - process.uptime());
