import { z } from '@sledge/core';

const positive = z.number().positive().max(1e9);

const serviceSchema = z.union([
  positive.describe('Always this long, microseconds.'),
  z
    .strictObject({ shape: z.literal('exponential'), meanUs: positive })
    .describe('Exponential with this mean.'),
  z
    .strictObject({ shape: z.literal('lognormal'), meanUs: positive, sigma: positive.max(5) })
    .describe('Lognormal with this mean; sigma is that of its logarithm.'),
]);

export const liveClassSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  share: z.number().positive().max(1e6).describe('Of all requests; normalised.'),
  service: serviceSchema.describe('Service time, microseconds.'),
  deadlineUs: positive.optional().describe('Relative. Default: deadlineFactor times the service.'),
  deadlineFactor: positive.default(10).describe('Relative deadline over own service time.'),
});

export const liveWorkloadSchema = z.strictObject({
  name: z.string(),
  classes: z.array(liveClassSchema).min(1).max(64),
});

export type LiveClass = z.infer<typeof liveClassSchema>;
export type LiveWorkload = z.infer<typeof liveWorkloadSchema>;

const fixed = (name: string, service: number, share: number) => ({ name, service, share });

/** Presets of the field as published; docs/guides/compare.md names the sources. */
const PRESETS: Readonly<Record<string, z.input<typeof liveClassSchema>[]>> = {
  'extreme-bimodal': [fixed('short', 0.5, 99.5), fixed('long', 500, 0.5)],
  'high-bimodal': [fixed('short', 1, 50), fixed('long', 100, 50)],
  tpcc: [
    fixed('Payment', 5.7, 44),
    fixed('OrderStatus', 6, 4),
    fixed('NewOrder', 20, 44),
    fixed('Delivery', 88, 4),
    fixed('StockLevel', 100, 4),
  ],
  rocksdb: [fixed('GET', 1.5, 50), fixed('SCAN', 635, 50)],
  'skyloft-synthetic': [fixed('short', 4, 99.5), fixed('long', 10_000, 0.5)],
  exponential: [{ name: 'all', share: 1, service: { shape: 'exponential', meanUs: 10 } }],
  lognormal: [{ name: 'all', share: 1, service: { shape: 'lognormal', meanUs: 10, sigma: 1 } }],
};

export const livePresets: readonly string[] = Object.keys(PRESETS);

/** @returns undefined: there is no such preset */
export function livePreset(name: string): LiveWorkload | undefined {
  const classes = PRESETS[name];
  return classes && liveWorkloadSchema.parse({ name, classes });
}

export function meanUs({ service }: LiveClass): number {
  return typeof service === 'number' ? service : service.meanUs;
}

/** Mean service time over all classes, microseconds. */
export function workloadMeanUs({ classes }: LiveWorkload): number {
  const total = classes.reduce((sum, { share }) => sum + share, 0);
  return classes.reduce((sum, one) => sum + (one.share / total) * meanUs(one), 0);
}

/** Every service time `factor` times as long: what is too short for a network is not for HTTP. */
export function scaled(workload: LiveWorkload, factor: number): LiveWorkload {
  const classes = workload.classes.map((one) => ({
    ...one,
    deadlineUs: one.deadlineUs && one.deadlineUs * factor,
    service:
      typeof one.service === 'number'
        ? one.service * factor
        : { ...one.service, meanUs: one.service.meanUs * factor },
  }));
  return { name: factor === 1 ? workload.name : `${workload.name} x ${factor}`, classes };
}

/** One service time from a uniform number in (0, 1), microseconds. */
export function drawUs({ service }: LiveClass, uniform: number): number {
  if (typeof service === 'number') return service;
  if (service.shape === 'exponential') return -Math.log(1 - uniform) * service.meanUs;
  const { meanUs: mean, sigma } = service;
  return mean * Math.exp(sigma * normalQuantile(uniform) - (sigma * sigma) / 2);
}

/** Of the standard normal distribution (Acklam, 2003: relative error below 1.2e-9). */
function normalQuantile(p: number): number {
  const tail = 0.02425;
  if (p > 1 - tail) return -normalQuantile(1 - p);
  const polynomial = (x: number, terms: readonly number[]): number =>
    terms.reduce((sum, term) => sum * x + term, 0);
  if (p < tail) {
    const q = Math.sqrt(-2 * Math.log(p));
    return polynomial(q, TAIL_TOP) / polynomial(q, TAIL_BOTTOM);
  }
  const q = p - 0.5;
  return (q * polynomial(q * q, TOP)) / polynomial(q * q, BOTTOM);
}

const TOP = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
  -3.066479806614716e1, 2.506628277459239,
];
const BOTTOM = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
  -1.328068155288572e1, 1,
];
const TAIL_TOP = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
];
const TAIL_BOTTOM = [
  7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1,
];
