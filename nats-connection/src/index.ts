export { NatsLink, type LinkLogger, type LinkSettings, type LinkState } from './link';
export { natsCredentials, natsOptions, type NatsCredentials, type NatsOptions } from './options';
export { authenticatorOf, tlsOf } from './secrets';
export * from './peer-wire';
export * from './wire';
