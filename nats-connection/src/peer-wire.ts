/** What nodes say to each other beside requests; docs/reference/nats.md describes it for others. */
import { nameOf, tokenOf, type FunctionAddress } from './wire';

export const PEER_HEADERS = {
  /** Of a request that a node sends on: what its client had given, base64 of JSON. */
  forwarded: 'Sledge-Forwarded',
  /** Of its answer: how it ended, likewise. */
  outcome: 'Sledge-Outcome',
} as const;

/** A request that a node sends on to a node: no client may publish there. */
export const peerSubject = (node: string, { tenant, fn }: FunctionAddress): string =>
  `sledge.node.${tokenOf(node)}.invoke.${tokenOf(tenant)}.${tokenOf(fn)}`;
/** All of them for the functions of a tenant, for a subscription. */
export const peerSubjects = (node: string, tenant: string): string =>
  `sledge.node.${tokenOf(node)}.invoke.${tokenOf(tenant)}.*`;
/** Where a node takes back, by its `cancelId`, what it has sent to that one. */
export const peerCancelSubject = (node: string, tenant: string): string =>
  `sledge.node.${tokenOf(node)}.cancel.${tokenOf(tenant)}`;
export const isPeerSubject = (subject: string): boolean => subject.startsWith('sledge.node.');

/** Instead of a load: the node takes nothing any more. */
export const LEAVING = 'leaving';

/** Where a node says how busy it is. */
export const loadSubject = (node: string): string => `sledge.load.${tokenOf(node)}`;
export const LOAD_SUBJECTS = 'sledge.load.*';
export const nodeOfLoad = (subject: string): string => nameOf(subject.split('.')[2] ?? '');
