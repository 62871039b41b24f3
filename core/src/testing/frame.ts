/** What jest, vitest and node:test have in common. */
export interface TestFrame {
  describe(title: string, body: () => void): void;
  test(title: string, body: () => void | Promise<void>): void;
}

/** Where tests are declared by global functions, as under jest. */
export function ambientFrame(): TestFrame {
  const { describe, test }: Partial<TestFrame> = globalThis as object;
  if (describe !== undefined && test !== undefined) return { describe, test };
  throw new TypeError('there is no global describe and test: pass them as frame');
}
