import { SledgeError, z } from '@sledge/core';
import { natsOptions } from '@sledge/nats-connection';

const schema = natsOptions.extend({
  /** Shown by nats-server. */
  name: z.string().min(1).max(128).default('sledge client'),
  /** Where answers come: permissions can give each tenant its own, such as `_INBOX_acme`. */
  inboxPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "_" and "-"')
    .optional(),
  /** Nodes that are asked for one call, the first one too. */
  attempts: z.int().min(1).max(32).default(3),
  /** Calls and submissions under way; more are refused. */
  maxInFlight: z.int().min(1).max(1_000_000).default(65_536),
});

/** A timer takes no more. */
const MS_MAX = 2_147_483_647;

export type NatsClientOptions = z.input<typeof schema>;
export type CheckedOptions = z.output<typeof schema>;

/** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT, naming each wrong option. */
export function checkOptions(options: NatsClientOptions): CheckedOptions {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`,
  );
  throw new SledgeError('SLEDGE_ERR_CLIENT_ARGUMENT', { reason: problems.join('; ') });
}

/** @throws SledgeError SLEDGE_ERR_CLIENT_ARGUMENT for what no timer can wait */
export function checkMs(times: Readonly<Record<string, number | undefined>>): void {
  for (const [name, ms] of Object.entries(times)) {
    if (ms === undefined || (ms >= 0 && ms <= MS_MAX)) continue;
    const reason = `${name}: ${ms} is not from 0 to ${MS_MAX}`;
    throw new SledgeError('SLEDGE_ERR_CLIENT_ARGUMENT', { reason });
  }
}
