import { errorCodeOf } from '@sledge/core/host';
import { isRpc } from './rpc-request';

/** What the status of an answer means. */
export interface Protocol {
  isSuccess(status: number): boolean;
  /** As it is counted. */
  nameOf(status: number): string;
}

const http: Protocol = {
  isSuccess: (status) => status >= 200 && status < 300,
  nameOf: String,
};

/** Statuses are the numbers of the catalogue; 0: completed. */
const rpc: Protocol = {
  isSuccess: (status) => status === 0,
  nameOf: (status) => (status === 0 ? 'completed' : errorCodeOf(status)),
};

export const protocolOf = (target: URL): Protocol => (isRpc(target) ? rpc : http);
