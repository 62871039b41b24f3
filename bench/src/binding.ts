import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { NativeBinding } from '@sledge/core';

/** The addon as it was built, without the façade. */
export function loadBinding(): NativeBinding {
  const file = resolve(__dirname, '../../build/native/sledge.node');
  return createRequire(__filename)(file) as NativeBinding;
}
