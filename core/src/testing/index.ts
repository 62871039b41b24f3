import 'reflect-metadata';

/** `@sledge/core/testing`: for the tests of policy plugins. */
export * from './contract';
export * from './load-plugin';
export * from './trial';
