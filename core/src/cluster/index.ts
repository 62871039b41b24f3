export type { ClusterAnswer, ClusterReport, ClusterTarget, NodeOutcome } from './cluster';
export { Cluster } from './cluster';
export type { NodeReport } from './node-report';
export { holdWork, openCluster } from './open-cluster';
