export * from './cell';
export { loadPlacement } from './cluster';
export type { ClusterResult, ClusterSpec, NodeLoss, NodeOutcome, PlacementForm } from './cluster';
export { COST_NAMES, costModel, loadCosts, type CostModel, type Costs } from './costs';
export { rememberMachine, rememberMeasurement, type Measurement } from './measured-costs';
export { loadPolicies, type Policies, type PolicyChoice, type PolicyChoices } from './policies';
export { runCell } from './run-cell';
export { runCells, type RunOptions } from './run-cells';
export { writeTrace } from './trace';
