import { readFileSync } from 'node:fs';
import { SledgeError, z } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';
import type { CostModel, Costs } from './costs';

const timeNs = z.number().int().min(0).max(1e9);

const costs = z.strictObject({
  networkNs: timeNs.optional(),
  dispatchNs: timeNs.optional(),
  wakeNs: timeNs.optional(),
  startNs: timeNs.optional(),
  finishNs: timeNs.optional(),
  switchNs: timeNs.optional(),
  noticeNs: timeNs.optional(),
  interruptNs: timeNs.optional(),
  granularityNs: timeNs.optional(),
  timerNs: timeNs.optional(),
  inflation: z.number().min(0).max(10).optional(),
});

const file = z.strictObject({
  source: z.string().max(1000).default('a file'),
  canPreempt: z.boolean().default(true),
  canMigrate: z.boolean().default(true),
  costs,
});

/**
 * Reads `{ "source": "...", "costs": { "interruptNs": 600 } }`; what is not named is `others`.
 * @throws SledgeError SLEDGE_ERR_LAB_COSTS
 */
export function readCosts(path: string, others: Costs): CostModel {
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SledgeError('SLEDGE_ERR_LAB_COSTS', { costs: path, reason: reasonOf(error) });
  }
  const result = file.safeParse(given);
  if (result.success) {
    const known = Object.entries(result.data.costs).filter(([, value]) => value !== undefined);
    return { ...result.data, costs: { ...others, ...Object.fromEntries(known) } };
  }
  const [issue] = result.error.issues;
  const reason = `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? ''}`;
  throw new SledgeError('SLEDGE_ERR_LAB_COSTS', { costs: path, reason });
}
