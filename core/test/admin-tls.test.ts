import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { Agent, request } from 'undici';
import { makeCertificate } from '../../test/support/certificates';
import type { Certificate } from '../../test/support/certificates';
import { openAdmin } from '../src/admin';
import type { AdminListener } from '../src/admin';
import { configFromObject } from '../src/config/load-config';
import { FileWatch } from '../src/files/file-watch';
import { fakeTarget } from './support/admin-target';

const TOKEN = 'operator-0123456789abcdef';
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-admin-tls-'));
const files = new FileWatch();
let own: Certificate;
let other: Certificate;
let opened: AdminListener[] = [];

beforeAll(() => {
  own = makeCertificate(folder, 'own');
  other = makeCertificate(folder, 'other');
});
afterEach(() => Promise.all(opened.map((listener) => listener.close())));
afterAll(() => {
  files.close();
  rmSync(folder, { recursive: true });
});

async function open(tls: object): Promise<AdminListener> {
  const tokensFile = path.join(folder, 'tokens');
  writeFileSync(tokensFile, `operator ${TOKEN}\n`, { mode: 0o600 });
  const { config } = configFromObject({ admin: { port: 0, tokensFile, tls } });
  const watchFiles = files.watch.bind(files);
  opened = await openAdmin(fakeTarget(), config.admin, { watchFiles });
  return opened[0] as AdminListener;
}

async function ask(url: string, client: { cert?: string; key?: string } = {}): Promise<number> {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false, ...client } });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await request(`${url}/status`, { dispatcher, headers });
  await answer.body.dump();
  await dispatcher.close();
  return answer.statusCode;
}

function shownBy(url: string): Promise<string> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const options = { port: Number(port), host: hostname, rejectUnauthorized: false };
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    }).on('error', reject);
  });
}

test('the admin port shows a new certificate, and keeps its own when that is wrong', async () => {
  const certFile = path.join(folder, 'now.pem');
  const keyFile = path.join(folder, 'now-key.pem');
  const put = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>): void => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
  };
  put(own);
  const { url, stats } = await open({ certFile, keyFile });
  expect([url.slice(0, 6), await ask(url), await shownBy(url)]).toEqual(['https:', 200, 'own']);
  put(other);
  files.refresh();
  expect(await shownBy(url)).toBe('other');
  put({ cert: own.cert, key: other.key });
  files.refresh();
  expect([await shownBy(url), await ask(url)]).toEqual(['other', 200]);
  expect(stats()).toMatchObject({ tls_reloads: 1, tls_reload_failures: 1 });
});

test('with clientCaFile a token alone is not enough', async () => {
  const { certFile, keyFile } = own;
  const { url } = await open({ certFile, keyFile, clientCaFile: other.certFile });
  await expect(ask(url)).rejects.toThrow();
  expect(await ask(url, { cert: other.cert, key: other.key })).toBe(200);
});
