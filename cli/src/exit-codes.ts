import type { Outcome } from '@sledge/core';
import type { SledgeError } from '@sledge/core';

/** Exit codes of every command; docs/reference/cli.md lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  config: 3,
  plugin: 4,
  build: 5,
  /** `start`: it has served, but a transport had not started. */
  partly: 6,
  /** `start`: a plugin did not drain or stop, in time or at all. */
  unclean: 7,
  /** As coreutils' timeout does. */
  timedOut: 124,
  /** 128 + SIGILL, as a shell shows a trap. */
  trapped: 132,
} as const;

/** The exit code that says what kind of error it was. */
export function exitCodeOf(error: SledgeError): number {
  const area = error.code.split('_')[2];
  if (area === 'CLI') return error.code === 'SLEDGE_ERR_CLI_USAGE' ? EXIT.usage : EXIT.failed;
  if (area === 'CONFIG') return EXIT.config;
  if (area === 'PLUGIN') return EXIT.plugin;
  return area === 'BUILD' || area === 'MODULE' ? EXIT.build : EXIT.failed;
}

/** `sledge invoke` ends as the function did. */
export function exitCodeOfOutcome(outcome: Outcome): number {
  switch (outcome.status) {
    case 'completed':
      return EXIT.ok;
    case 'exited':
      return outcome.exitCode & 0xff || EXIT.failed;
    case 'trapped':
      return EXIT.trapped;
    case 'timed-out':
      return EXIT.timedOut;
    default:
      return EXIT.failed;
  }
}
