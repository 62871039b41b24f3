import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildRequest, SandboxInstance } from '@sledge/core';
import plugin, { type SandboxAwsmOptions } from '../../src';

export function makeSandbox(options: SandboxAwsmOptions = {}): SandboxInstance {
  return plugin.create(plugin.options.parse(options), {} as never) as SandboxInstance;
}

/** A directory for one test file, removed at its end. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sledge-awsm-'));
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

export function request(
  wasm: Uint8Array,
  cacheDirectory: string,
  more: Partial<BuildRequest> = {},
): BuildRequest {
  return { wasm, name: 'sample', cacheDirectory, level: 'production', ...more };
}

/** A program that says that it is clang and then does what `script` says. */
export function fakeCompiler(path: string, script: string): string {
  const answer = 'if [ "$1" = --version ]; then echo "clang version 14.0.0 fake"; exit 0; fi';
  writeFileSync(path, `#!/bin/sh\n${answer}\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What a cache holds, but for the memo of compilers. */
export function cacheContents(directory: string): string[] {
  return readdirSync(directory).filter((file) => file !== 'compilers.json');
}
