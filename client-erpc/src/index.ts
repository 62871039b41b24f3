export { ErpcCallError } from './call-error';
export { ErpcClient } from './client';
export type { ConnectOptions, ErpcAddress } from './client';
export { formats, type ErpcAnswer, type ErpcFormat } from './formats';
export type { ErpcClientOptions } from './options';
export { ErpcTarget, type CallOptions } from './target';
