import { z } from 'zod';

/** What holds for deployments to a server that runs. */
export const deploySchema = z.strictObject({
  queue: z
    .int()
    .min(0)
    .max(1024)
    .default(16)
    .describe('Deployments that may wait while build.parallel others compile; one more gets 429.'),
  moduleBytes: z
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(33_554_432)
    .describe('Largest .wasm that may be deployed, bytes.'),
});

/** Where deployed functions survive the process. */
export const storeSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      "A file, relative to the config's folder. Default: none, and what is deployed ends with " +
        'the server.',
    ),
});
