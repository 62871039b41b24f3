import path from 'node:path';
import { configFromObject } from '../src/config/load-config';
import { functionInForce, tenantInForce } from '../src/control/settings';
import { LiveFunction } from '../src/functions/live-function';
import { LiveTenant } from '../src/functions/live-tenant';

const tls = { certFile: '/etc/sledge/cert.pem', keyFile: '/etc/sledge/key.pem' };
const { config } = configFromObject({ tls });
const rules = { config, hasSlots: true };
const shadow = { file: '/etc/shadow' };
const settingsOf = (more: object = {}) => ({
  ...tenantInForce(rules, [], { name: 'a', settings: {} }),
  ...more,
});
const deploy = (tenant: LiveTenant, settings: object) =>
  functionInForce(rules, tenant, { name: 'fn', path: 'fn.wasm', settings });

test('who deploys names no file of this machine', () => {
  const tenant = new LiveTenant(settingsOf(), 0, 'deployed');
  const refused = { code: 'SLEDGE_ERR_CONTROL_SETTINGS' };
  const attempts = [
    () => deploy(tenant, { secrets: { X: shadow } }),
    () => deploy(tenant, { preopens: { '/': '/etc' } }),
    () => tenantInForce(rules, [], { name: 'b', settings: { keysFile: '/etc/shadow' } }),
    () => tenantInForce(rules, [], { name: 'b', settings: { tls } }),
  ];
  for (const attempt of attempts) {
    expect(attempt).toThrow(expect.objectContaining(refused) as Error);
    expect(attempt).toThrow(/only the configuration names files of this machine/);
  }
  expect(deploy(tenant, {})).toMatchObject({ name: 'fn', keys: 'required' });
});

test('a version of a configured function has the files that the configuration names', () => {
  const tenant = new LiveTenant(settingsOf(), 0, 'config');
  const fn = new LiveFunction('a', 'fn');
  const secrets = { TOKEN: { file: '/run/token' } };
  const preopens = { '/data': '/srv/data' };
  const before = { ...deploy(tenant, {}), secrets, preopens };
  const version = { version: 0, hash: '', settings: {}, at: '', config: before };
  fn.versions.set(0, version);
  tenant.functions.set('fn', fn);
  expect(deploy(tenant, { instance: 'warm' })).toMatchObject({
    secrets,
    preopens,
    instance: 'warm',
  });
});

test('a name that a request could set is no name of a secret', () => {
  const file = path.join(__dirname, '../../functions/empty.wasm');
  const load = (...names: string[]) => {
    const secrets = Object.fromEntries(names.map((name) => [name, { file: 'x' }]));
    const functions = [{ name: 'fn', path: file, secrets }];
    return configFromObject({ tenants: [{ name: 'a', functions }] });
  };
  const wrong = ['HTTP_X', 'REMOTE_USER', 'AUTH_TYPE', 'PATH_INFO', 'A-B', '1A', 'A=B'];
  for (const name of wrong) expect(() => load(name)).toThrow(/variable of letters/);
  expect(load('DB_TOKEN').config.tenants[0]?.functions[0]?.secrets).toMatchObject({ DB_TOKEN: {} });
  const many = Array.from({ length: 33 }, (_, at) => `S${at}`);
  expect(() => load(...many)).toThrow(/at most 32 secrets/);
});

test('what needs a key is not deployed for RPC, where nobody shows one', () => {
  const tenant = new LiveTenant(settingsOf({ keysFile: '/run/keys' }), 0, 'config');
  expect(() => deploy(tenant, { requestType: 3 })).toThrow(/nobody shows a key/);
  expect(deploy(tenant, { requestType: 3, keys: 'none' }).requestType).toBe(3);
});

test("a tenant that is deployed is served with the configuration's certificate", () => {
  expect(new LiveTenant(settingsOf(), 0, 'deployed').view.tls).toEqual(tls);
});
