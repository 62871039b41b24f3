import { z } from '@sledge/core';
import { natsName, natsOptions, nodeName } from '@sledge/nats-connection';

const MIB = 1024 * 1024;
/** Parameters of registry-nats; the README says what each is for. */
export const registryOptions = natsOptions.extend({
  /** This node in the cluster; unique, and the same after a restart. Default: its host's name. */
  node: nodeName,
  /** Of the buckets: nodes that share one name here are one cluster. */
  cluster: natsName.default('sledge'),
  /** A node says that it is there so often; one that has missed four is lost. */
  heartbeatMs: z.int().min(50).max(60_000).default(1000),
  /** A node that says nothing for so long is forgotten. */
  nodeTtlMs: z.int().min(1000).max(86_400_000).default(60_000),
  /** Of one module. */
  moduleBytes: z.int().min(1024).max(1_073_741_824).default(33_554_432),
  /** Of all modules, and of everything else; JetStream keeps so much free for them. */
  maxModulesBytes: z
    .int()
    .min(MIB)
    .max(1e15)
    .default(1024 * MIB),
  maxEntriesBytes: z
    .int()
    .min(MIB)
    .max(1e15)
    .default(64 * MIB),
  /** How long one operation may take; a module may take 25 times as long. */
  timeoutMs: z.int().min(100).max(60_000).default(2000),
  /** An operation is tried again for so long while another nats-server is chosen to lead. */
  failoverMs: z.int().min(0).max(120_000).default(15_000),
  /** Of the buckets that a node makes. */
  replicas: z.int().min(1).max(5).default(1),
});

export type RegistryOptions = z.output<typeof registryOptions>;
