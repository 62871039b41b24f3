import { headers } from '@nats-io/transport-node';
import { NatsCallError } from '../src';
import { readAnswer } from '../src/answer';

test('an error by a name that objects inherit is an internal one', () => {
  const head = headers();
  head.set('Sledge-Error', 'constructor');
  const answer = readAnswer(new Uint8Array(0), head) as NatsCallError;
  expect(answer).toBeInstanceOf(NatsCallError);
  expect([answer.code, answer.rpcStatus]).toEqual(['SLEDGE_ERR_INTERNAL', 'INTERNAL']);
});
