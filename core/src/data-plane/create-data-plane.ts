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

/** The same, with policies in TypeScript in force when it resolves. Throws likewise. */
export async function startDataPlane(options: DataPlaneOptions): Promise<NativePlane> {
  const plane = createDataPlane(options);
  try {
    await plane.goLive();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}
