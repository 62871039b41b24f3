import type { DataPlaneOptions } from '../contracts/data-plane';
import { loadBinding } from './binding';
import { NativePlane } from './native-plane';

/**
 * Starts the data plane: its workers run from here on.
 * @throws SledgeError SLEDGE_ERR_NATIVE_...
 */
export function createDataPlane(options: DataPlaneOptions): NativePlane {
  return new NativePlane(options, loadBinding());
}
