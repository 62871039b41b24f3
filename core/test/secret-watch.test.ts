import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { SledgeError } from '../src/errors/sledge-error';
import { SecretWatch } from '../src/security/secret-watch';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-secret-watch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a function that could not be loaded with its new secret is tried again', async () => {
  jest.useFakeTimers();
  const file = path.join(folder, 'secret');
  writeFileSync(file, 'new', { mode: 0o600 });
  const answers = [new SledgeError('SLEDGE_ERR_BUILD_CANCELLED', { name: 'f' }), undefined];
  let renewals = 0;
  const renew = (): Promise<void> => {
    const error = answers[(renewals += 1) - 1];
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  };
  const user = { tenant: 't', name: 'f', secrets: { KEY: { file } }, inForce: () => ['old'] };
  const logger = pino({ level: 'silent' });
  const watch = new SecretWatch([user], () => () => undefined, renew, logger);
  try {
    await jest.advanceTimersByTimeAsync(0);
    expect(watch.stats()).toEqual({ reloads: 0, reload_failures: 1 });
    await jest.advanceTimersByTimeAsync(60_000);
    expect(watch.stats()).toEqual({ reloads: 1, reload_failures: 1 });
  } finally {
    watch.close();
    jest.useRealTimers();
  }
});
