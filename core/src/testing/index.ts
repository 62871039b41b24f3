import 'reflect-metadata';

/** `@sledge/core/testing`: for the tests of plugins. */
export * from './contract';
export * from './registry-contract';
export * from './load-plugin';
export * from './placement-contract';
export * from './trial';
