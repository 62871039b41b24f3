import pino from 'pino';
import type { Logger } from 'pino';
import pretty from 'pino-pretty';
import type { SledgeConfig } from '../config/schema';

const STANDARD_ERROR = 2;

/** The process's logger: JSON lines, or lines for people, on standard error. */
export function createLogger(log: Pick<SledgeConfig['log'], 'level' | 'pretty'>): Logger {
  const isPretty = log.pretty === 'auto' ? process.stderr.isTTY : log.pretty;
  const options = { level: log.level, base: null };
  const destination = pino.destination({ dest: STANDARD_ERROR, sync: true });
  // a full disk takes the log away, not the server
  destination.on('error', () => undefined);
  if (!isPretty) return pino(options, destination);
  return pino(options, pretty({ destination, ignore: 'pid,hostname' }));
}
