import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { Namespaces } from '../support/namespaces';

const CLI = path.join(__dirname, '../../cli/bin/sledge.js');
const PORT = 40_000;

const hosts = new Namespaces();
afterAll(() => hosts.removeAll());

interface Counts {
  planned: number;
  sent: number;
  failures: Record<string, number>;
}

/** A machine without root may skip; CI must have it. */
const possible = process.env.CI === 'true' || Namespaces.possible;
if (!possible) console.log('skipped: needs root');
const testWhenPossible = possible ? test : test.skip;

// The kernel may give our end of a connection the very port that we ask for: here it often does.
testWhenPossible('load at a port where nobody listens is refused, never sent to itself', () => {
  const host = hosts.add();
  const inside = (command: string, ...args: string[]): string =>
    execFileSync(...hosts.inside(host, command, ...args), { encoding: 'utf8' });
  inside('sh', '-c', `echo "${PORT} ${PORT + 1}" > /proc/sys/net/ipv4/ip_local_port_range`);
  const target = `http://127.0.0.1:${PORT}/`;
  const flags = ['--rate', '400', '--duration', '0.5', '--warmup', '0', '--connections', '1'];
  const printed = inside(process.execPath, CLI, 'load', '--json', '--target', target, ...flags);
  const { counts } = (JSON.parse(printed) as { runs: { counts: Counts }[] }).runs[0]!;
  expect(counts.planned).toBeGreaterThan(100);
  expect(counts).toMatchObject({ sent: 0, failures: { refused: counts.planned } });
});
