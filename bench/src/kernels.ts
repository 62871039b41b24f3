/**
 * The kernels of `bench code` and the argument that makes each take about a millisecond: shorter
 * than a slice of the scheduler, so that the smallest of some repetitions was not interrupted.
 */
export const KERNELS: Readonly<Record<string, number>> = {
  gemm: 1,
  two_mm: 1,
  jacobi_2d: 16,
  floyd_warshall: 1,
  cholesky: 3,
  nbody: 16_000,
  mandelbrot: 150,
  sha256: 2_000,
  crc32: 7,
  quicksort: 16_000,
  sieve: 1,
  json_scan: 10,
  vm: 30_000,
  image_resize: 2,
  base64: 20,
  search_tree: 6_000,
  queens: 11,
  levenshtein: 900,
  matmul_int: 4,
  dot_product: 1_000,
  image_filter: 40,
  app_cifar10: 1,
  app_digits: 1_600,
  app_markdown: 12,
  app_sha256: 10,
};
