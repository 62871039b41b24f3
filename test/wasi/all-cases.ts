import type { Case } from './cases';
import { pathCases } from './path-cases';
import { pollCases } from './poll-cases';
import { processCases } from './process-cases';
import { readCases } from './read-cases';
import { stdioCases } from './stdio-cases';
import { writeCases } from './write-cases';

/** Every behaviour that is shown by one invocation. */
export const cases: readonly Case[] = [
  ...processCases,
  ...stdioCases,
  ...pollCases,
  ...pathCases,
  ...readCases,
  ...writeCases,
];
export type { Case, Expected } from './cases';
export { again, call } from './probe';
