// Goal: another secret is what the next requests see, and nothing of the one before goes on.
// Method: a function that shows its environ, and a warm one that counts its calls, of one secret.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createSledge } from '@sledge/core';
import pino from 'pino';
import { root } from './server';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-rotation-'));
const token = path.join(folder, 'token');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As whatever rotates secrets should do it. */
function exchange(secret: string): void {
  writeFileSync(`${token}.new`, `${secret}\n`, { mode: 0o600 });
  renameSync(`${token}.new`, token);
}

function serverOf(lines: string[]) {
  const wasm = path.join(folder, 'counter.wasm');
  execFileSync('wat2wasm', [path.join(__dirname, 'counter.wat'), '-o', wasm]);
  const secrets = { TOKEN: { file: token } };
  const functions = [
    { name: 'environ', path: path.join(root, 'functions/environ.wasm'), secrets },
    { name: 'counter', path: wasm, instance: 'warm' as const, secrets },
  ];
  const config = {
    build: { level: 'development' as const },
    workers: { count: 1 },
    arena: { slots: 8 },
    tenants: [{ name: 'a', functions }],
  };
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  return createSledge(config, { withTransports: false, logger });
}

test('a secret file is read again when it changes; a wrong one leaves that before', async () => {
  exchange('first');
  const lines: string[] = [];
  const sledge = serverOf(lines);
  const call = async (name: string): Promise<string> => {
    const { output } = await sledge.invoke(name, { args: [], environ: [] });
    return Buffer.from(output).toString('latin1');
  };
  const logged = async (text: string, count: number): Promise<void> => {
    while (lines.filter((line) => line.includes(text)).length < count) await delay(5);
  };
  await sledge.start();
  try {
    expect(await call('environ')).toContain('TOKEN=first\n');
    expect([await call('counter'), await call('counter')]).toEqual(['1', '2']);
    exchange('second');
    await logged('its secrets were read again', 2); // by looking at the file
    expect(await call('environ')).toContain('TOKEN=second\n');
    expect([await call('counter'), await call('counter')]).toEqual(['1', '2']);
    exchange('third');
    chmodSync(token, 0o644);
    sledge.reload();
    await logged('SLEDGE_ERR_SECRET_FILE', 2);
    expect(await call('environ')).toContain('TOKEN=second\n');
    expect(await call('counter')).toBe('3');
    chmodSync(token, 0o600);
    sledge.reload(); // as by SIGHUP
    await logged('its secrets were read again', 4);
    expect(await call('environ')).toContain('TOKEN=third\n');
    expect(await call('counter')).toBe('1');
    const { 'secrets.reloads': reloads } = sledge.stats();
    expect(reloads).toBe(4);
    expect(lines.join('')).toContain('its mode is 0644');
    expect(lines.join('')).not.toMatch(/first|second|third/);
  } finally {
    await sledge.stop();
  }
});
