export * from './statistics';
export * from './load';
