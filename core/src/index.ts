export * from './contracts/invocation';
export * from './contracts/kinds';
export * from './contracts/native';
export * from './contracts/plugin';
export * from './errors/catalogue';
export * from './errors/sledge-error';
