/** The part of jstat that is used; the package brings no types. */
declare module 'jstat' {
  interface Distribution {
    /** Quantile of probability p. */
    inv(p: number, dof: number): number;
  }
  interface Statistics {
    readonly studentt: Distribution;
    mean(values: number[]): number;
    median(values: number[]): number;
    /** `isSample`: divides by n - 1. */
    stdev(values: number[], isSample: boolean): number;
  }
  export const jStat: Statistics;
}
