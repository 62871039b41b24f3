import {
  formatLoad,
  idToken,
  idTokenOfHeader,
  nameOf,
  parseLoad,
  STREAMS,
  SUBJECTS,
  tokenOf,
} from '../src';

test('a name of any characters is one token, and comes back from it', () => {
  for (const name of ['fib', 'a.b', '*', '>', 'two words', 'ü/\\', '100%', 'a.*.>', "!~'()"]) {
    expect(tokenOf(name)).toMatch(/^[A-Za-z0-9_%!~'()-]+$/);
    expect(nameOf(tokenOf(name))).toBe(name);
  }
  expect(nameOf('%zz')).toBe('%zz');
});

test('subjects and streams of two tenants are never the same, whatever they are called', () => {
  expect(SUBJECTS.invoke({ tenant: 'a.b', fn: 'c' })).toBe('sledge.invoke.a%2Eb.c');
  expect(SUBJECTS.invoke({ tenant: 'a', fn: 'b.c' })).toBe('sledge.invoke.a.b%2Ec');
  expect(SUBJECTS.invoke({ tenant: 'a', fn: 'b' }, 'node')).toBe('sledge.invoke.a.b.node');
  expect(STREAMS.work('a.b')).not.toBe(STREAMS.work('a_b'));
});

test('an id is one token of bounded length', () => {
  expect(idToken('order-7')).toBe('order-7');
  expect(idToken('a b.c')).toBe('a%20b%2Ec');
  expect(idToken('')).toBeUndefined();
  expect(idToken('x'.repeat(129))).toBeUndefined();
  expect(idToken('\ud800')).toBeUndefined();
});

test('an id that a client has not encoded has the same token as if it had', () => {
  for (const id of ['a b.c', '100%', 'order:7', '!', 'a%20b']) {
    expect(idTokenOfHeader(idToken(id) ?? '')).toBe(idToken(id));
  }
  expect(idTokenOfHeader('order:7')).toBe('order%3A7');
  expect(idTokenOfHeader('%2f')).toBe('%2F');
  expect(idTokenOfHeader('')).toBeUndefined();
});

test('the load of a node is read as it was written, and anything else is none', () => {
  const load = { waitUs: 4_200, inFlight: 3, workers: 2 };
  expect(parseLoad(formatLoad(load))).toEqual(load);
  for (const text of [
    '',
    'wait_us=-1;in_flight=0;workers=1',
    'wait_us=1',
    `${formatLoad(load)};`,
  ]) {
    expect(parseLoad(text)).toBeUndefined();
  }
});
