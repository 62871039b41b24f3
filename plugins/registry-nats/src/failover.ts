import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

const UNAVAILABLE = 503;
/** JetStream's numbers for resources and bytes that are used up, also 503: no other leads then. */
const FULL = [10023, 10077];
/** By name: not all classes of the library are exported. */
const PASSING = new Set([
  'JetStreamNotEnabled',
  'JetStreamStatusError',
  'TimeoutError',
  'NoResponders',
  'RequestError',
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
]);

/**
 * Whether the same question may have an answer soon: another nats-server is being chosen to lead,
 * or the connection is another one. What was asked may have been done nevertheless.
 */
export function isPassing(error: unknown): boolean {
  const isWrapped = error instanceof errors.RequestError && error.cause !== undefined;
  const cause = isWrapped ? error.cause : error;
  if (cause instanceof JetStreamApiError) {
    return cause.status === UNAVAILABLE && !FULL.includes(cause.code);
  }
  return cause instanceof Error && PASSING.has(cause.name);
}
