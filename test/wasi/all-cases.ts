import type { Case } from './cases';
import { fileCases } from './file-cases';
import { processCases } from './process-cases';
import { stdioCases } from './stdio-cases';

/** Every behaviour that is shown by one invocation. */
export const cases: readonly Case[] = [...processCases, ...stdioCases, ...fileCases];
export type { Case, Expected } from './cases';
export { again, call } from './probe';
