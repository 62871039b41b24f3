export { NatsLink, type LinkLogger, type LinkSettings, type LinkState } from './link';
export { natsCredentials, natsName, natsOptions, nodeName } from './options';
export type { NatsCredentials, NatsOptions } from './options';
export { authenticatorOf, tlsOf } from './secrets';
export * from './peer-wire';
export * from './wire';
