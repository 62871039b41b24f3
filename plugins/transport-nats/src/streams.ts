import {
  AckPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { SledgeError } from '@sledge/core';
import { STREAMS, tokenOf, WORK_CONSUMER } from '@sledge/nats-connection';
import type { DurableOptions } from './options';

const NS_PER_MS = 1_000_000;
const LETTERS_MAX = 1_000_000;
/** Of all nodes together: each has a bound of its own. */
const ACKS_PENDING_MAX = 100_000;

type NewStream = Partial<StreamConfig> & { name: string };

/**
 * The streams of a tenant and the consumer that all nodes share, made if they are missing. What is
 * there already stays as whoever made it wants it.
 * @throws SledgeError SLEDGE_ERR_NATS_STREAM
 */
export async function ensureStreams(
  manager: JetStreamManager,
  tenant: string,
  options: DurableOptions,
): Promise<void> {
  for (const stream of streamsOf(tenant, options)) {
    await about(stream.name, () => ensureStream(manager, stream));
  }
  const work = STREAMS.work(tenant);
  await about(work, () => ensureConsumer(manager, work, options));
}

function streamsOf(tenant: string, options: DurableOptions): NewStream[] {
  const token = tokenOf(tenant);
  const storage = options.storage === 'file' ? StorageType.File : StorageType.Memory;
  const common = {
    storage,
    num_replicas: options.replicas,
    duplicate_window: options.duplicateWindowMs * NS_PER_MS,
  };
  const work: NewStream = {
    ...common,
    name: STREAMS.work(tenant),
    subjects: [`sledge.submit.${token}.*`],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs: options.maxQueued,
  };
  const results: NewStream = {
    ...common,
    name: STREAMS.results(tenant),
    subjects: [`sledge.outcome.${token}.*`],
    retention: RetentionPolicy.Limits,
    max_msgs: options.maxQueued,
    max_age: options.resultAgeMs * NS_PER_MS,
    duplicate_window: Math.min(options.duplicateWindowMs, options.resultAgeMs) * NS_PER_MS,
    allow_direct: true,
    // what was stored, and so once for each id, is what others see
    republish: { src: `sledge.outcome.${token}.*`, dest: `sledge.result.${token}.{{wildcard(1)}}` },
  };
  const dead: NewStream = {
    ...common,
    name: STREAMS.dead(tenant),
    subjects: [`sledge.dead.${token}.*`],
    retention: RetentionPolicy.Limits,
    max_msgs: LETTERS_MAX,
    max_age: options.deadAgeMs * NS_PER_MS,
    duplicate_window: Math.min(options.duplicateWindowMs, options.deadAgeMs) * NS_PER_MS,
  };
  return [work, results, dead];
}

async function ensureStream(manager: JetStreamManager, stream: NewStream): Promise<void> {
  if (await isThere(() => manager.streams.info(stream.name))) return;
  await manager.streams.add(stream);
}

async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  { ackWaitMs }: DurableOptions,
): Promise<void> {
  if (await isThere(() => manager.consumers.info(stream, WORK_CONSUMER))) return;
  await manager.consumers.add(stream, {
    durable_name: WORK_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitMs * NS_PER_MS,
    // attempts are counted by the nodes: who gives up writes the dead letter
    max_deliver: -1,
    max_ack_pending: ACKS_PENDING_MAX,
  });
}

async function isThere(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    const missing: number[] = [
      JetStreamApiCodes.StreamNotFound,
      JetStreamApiCodes.ConsumerNotFound,
    ];
    if (error instanceof JetStreamApiError && missing.includes(error.code)) return false;
    throw error;
  }
}

async function about(stream: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SledgeError('SLEDGE_ERR_NATS_STREAM', { stream, reason }, { cause: error });
  }
}
