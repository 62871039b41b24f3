import type { Toolchain } from './toolchain';

/** A module to measure compile time on. */
export interface CompileModule {
  name: string;
  /** Which of the C library's parts it uses; see modules/library_mix.c. */
  level: number;
  /** Kernels that it contains beside the library. */
  kernels: readonly string[];
  /** How many times each of them is there. */
  copies: number;
}

const FEW_DATA = ['sha256', 'vm', 'nbody', 'mandelbrot', 'queens', 'levenshtein', 'crc32'];
const MANY = [...FEW_DATA, 'quicksort', 'json_scan', 'base64', 'gemm', 'cholesky', 'image_resize'];

export const COMPILE_MODULES = {
  small: { name: '60kb', level: 0, kernels: MANY, copies: 2 },
  medium: { name: '100kb', level: 1, kernels: MANY, copies: 1 },
  large: { name: '1mb', level: 2, kernels: FEW_DATA, copies: 172 },
} as const satisfies Record<string, CompileModule>;

/** C++ text that holds each kernel `copies` times, each in a namespace of its own. */
export function copiesText(module: CompileModule): string {
  const parts = ['#include "kernel.h"'];
  for (let copy = 0; copy < module.copies; copy += 1) {
    for (const kernel of module.kernels)
      parts.push(`namespace copy_${copy}_${kernel} {\n#include "${kernel}.c"\n}`);
  }
  return `${parts.join('\n')}\n`;
}

/** Builds the module once. @returns its path */
export async function compileModule(toolchain: Toolchain, module: CompileModule): Promise<string> {
  return toolchain.libraryModule(module, copiesText(module));
}
