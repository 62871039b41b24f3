import 'reflect-metadata';

/** `@sledge/core/testing`: for the tests of policy plugins. */
export { policyContract, type ContractOptions, type TestFrame } from './contract';
export * from './load-plugin';
export * from './placement-contract';
export * from './trial';
