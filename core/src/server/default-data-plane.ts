import type { DataPlaneFactory } from '../contracts/data-plane';
import { SledgeError } from '../errors/sledge-error';
import { reasonOf } from '../errors/reason';

export const createDataPlane: DataPlaneFactory = async (options) => {
  try {
    const file = require.resolve('../data-plane');
    const facade = (await import(file)) as { createDataPlane: DataPlaneFactory };
    return await facade.createDataPlane(options);
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    throw new SledgeError('SLEDGE_ERR_NATIVE_MISSING', { reason: reasonOf(error) });
  }
};
