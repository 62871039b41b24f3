import { z } from '@sledge/core';

/** Parameters of dispatch-darc, in either form. */
export const darcOptions = z
  .strictObject({
    /** By the service times and shares that it sees, or by `reserved`. */
    reservation: z.enum(['profiled', 'by-hand']).default('profiled'),
    /** Workers reserved for group 0, 1, 2 ... of the functions, shortest first. */
    reserved: z.array(z.int().min(0).max(256)).max(1024).default([]),
    /** Requests that end between two looks at the profile. */
    windowRequests: z.int().min(1).max(1_000_000_000).default(1000),
    /** Types whose mean service times differ by no more than this factor are one group. */
    similarity: z.number().min(1).max(1000).default(2),
    /** Waiting time in service times from which a request counts as slow. */
    slowdownTarget: z.number().min(0).max(1_000_000).default(10),
    /** Change of a type's share of all run time from which workers are reserved anew. */
    demandChange: z.number().min(0).max(1).default(0.1),
  })
  .refine(
    ({ reservation, reserved }) => (reservation === 'by-hand') === reserved.length > 0,
    'reserved goes with reservation: "by-hand", and only with it',
  );
