import { z } from 'zod';

const PERIOD_US_MAX = 3_600_000_000;

/** Limits of a tenant over time, and its weight beside others. */
export const tenantPace = {
  requestsPerSecond: z
    .number()
    .min(0)
    .max(1e9)
    .default(0)
    .describe('Requests to all its functions; more get 429 with Retry-After. 0: no limit.'),
  burst: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100)
    .describe('With requestsPerSecond: so many at once after a rest.'),
  cpuMsPerSecond: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe(
      'Time that its functions run on workers; at most one second of it at once. What comes ' +
        'beyond gets 429 with Retry-After; what runs too long is paid by waiting. 0: no limit.',
    ),
  weight: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('Of its share when the server has more to do than it can: beyond it comes 503.'),
};

/** A Host name as clients send it: no scheme, no port; "*." stands for any one label. */
const hostName = z
  .string()
  .max(253)
  .regex(
    /^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    'a Host name in lower case, without port; "*." at its start stands for any one label',
  );

/** How tenants share a port. */
export const tenantAddress = {
  hostNames: z
    .array(hostName)
    .min(1)
    .max(64)
    .optional()
    .describe('Host names that it answers on its port; others there go to other tenants, or 421.'),
  pathPrefix: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)+$/, 'a path that starts with "/" and does not end with it')
    .max(255)
    .optional()
    .describe('Path before all its routes; functions see what is behind it.'),
};

/** Time of workers that policies with tenant-budgets promise. */
export const tenantBudget = z
  .strictObject({
    timeUs: z.int().min(1).max(PERIOD_US_MAX).describe('Of all workers together. Microseconds.'),
    periodUs: z
      .int()
      .min(1000)
      .max(PERIOD_US_MAX)
      .default(100_000)
      .describe('It is filled again so often. Microseconds.'),
  })
  .describe('Promised to it by the schedulers mtds and mtdbf; default: nothing.');
