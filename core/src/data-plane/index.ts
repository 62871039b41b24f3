export { createDataPlane, startDataPlane } from './create-data-plane';
export { loadBinding, type LoadedBinding } from './binding';
export { NativePlane } from './native-plane';
