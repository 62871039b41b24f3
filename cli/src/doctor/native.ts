import type { Fact } from './fact';
export function nativeFacts(): Fact[] {
  return [];
}
