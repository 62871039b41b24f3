export { NatsCallError, type NatsAnswer } from './answer';
export { NatsClient, type InvokeOptions, type SubmitOptions } from './client';
export type { NatsClientOptions } from './options';
export { Submission, type ResultOptions } from './submission';
