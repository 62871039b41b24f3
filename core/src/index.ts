import 'reflect-metadata';

export * from './contracts/data-plane';
export * from './contracts/invocation';
export * from './contracts/kinds';
export * from './contracts/native';
export * from './contracts/native-external';
export * from './contracts/native-rpc';
export * from './contracts/native-simulation';
export * from './contracts/placement';
export * from './contracts/plugin';
export * from './contracts/policy';
export * from './contracts/registry';
export * from './contracts/workload';
export * from './errors/catalogue';
export * from './errors/sledge-error';
export { configFromObject, loadConfig, loadDefaults } from './config/load-config';
export type { LoadConfigOptions, LoadedConfig } from './config/load-config';
export { defineConfig } from './config/schema';
export type { SledgeConfig, SledgeConfigInput } from './config/schema';
export { ensureDirectory } from './files/ensure-directory';
export * from './placement/sample-peers';
export { readCheckedFile, type CheckedFileOptions } from './files/private-file';
export * from './plugins/define-plugin';
export * from './policies/define-policy';
export { hostPolicy, type HostedPolicy, type NativeWorkers } from './policies/hosted-policy';
export type { PluginClass } from './plugins/plugin-class';
export { KeyFile } from './security/key-file';
export type { ApiKey } from './security/key-ring';
export { TlsIdentity, type TlsFiles, type WatchFiles } from './security/tls';
export { createSledge } from './server/sledge';
export type { Sledge, SledgeOptions } from './server/sledge';
export { tokens } from './tokens';
/** The copy of zod that the host validates with, for plugins outside this workspace. */
export { z } from 'zod';
/** The decorators for plugin classes, likewise. */
export { inject, injectable } from 'tsyringe';
