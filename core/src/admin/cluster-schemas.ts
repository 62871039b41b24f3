import { z } from 'zod';
import { nodeFailure, nodeReports } from '../cluster/node-report';
import { deployQuery, functionReport } from './control-schemas';

const waitMs = z.coerce
  .number()
  .int()
  .min(0)
  .max(600_000)
  .default(30_000)
  .describe('How long the answer may wait for the nodes.');

export const waitQuery = z.strictObject({ waitMs });
export const clusterDeployQuery = deployQuery.extend({ waitMs });
export const nodeParams = z.object({ node: z.string().min(1).max(64) });
export const nodeBody = z.strictObject({
  isTaking: z.boolean().describe('Whether it takes work of the cluster.'),
});

export const nodes = nodeReports;

export const clusterReport = z.object({
  node: z.string().describe('What this server is called in its cluster.'),
  state: z.enum(['connected', 'away']),
  reason: z.string().optional().describe('Why the registry is away.'),
  revision: z.int().describe('Of the registry, up to which everything is taken over here.'),
  pending: z.int().describe('Entries that are being taken over.'),
  failures: z.array(nodeFailure),
});

export const clusterAnswer = z.object({
  revision: z.int().describe('Of the change, in the one order of all changes.'),
  nodes: z.array(
    z.object({
      node: z.string(),
      state: z.enum(['converged', 'failed', 'behind', 'lost']),
      reason: z.string().optional(),
    }),
  ),
  function: functionReport.optional(),
});
