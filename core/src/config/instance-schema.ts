import { z } from 'zod';

/** What a function's requests run in. */
export const instanceKind = {
  instance: z
    .enum(['per-request', 'warm'])
    .default('per-request')
    .describe(
      'per-request: each request has an instance of its own, that nothing is left of. warm: ' +
        'requests of this function may go on in what an earlier one has left; the module exports ' +
        'sledge_handle.',
    ),
  warm: z
    .strictObject({
      instances: z
        .int()
        .min(1)
        .max(16_384)
        .default(4)
        .describe('Kept at most, idle; with v8 by each worker.'),
      idleMs: z
        .int()
        .min(1)
        .max(86_400_000)
        .default(60_000)
        .describe('Kept so long without a request.'),
    })
    .prefault({})
    .describe("With instance: 'warm'."),
};
