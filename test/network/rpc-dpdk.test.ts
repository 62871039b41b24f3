/**
 * eRPC between two hosts, one on DPDK and one on kernel sockets, over a veth link: the same frames
 * on the wire in both directions.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Namespaces, type LinkEnd } from '../support/namespaces';

const run = promisify(execFile);
const build = path.join(__dirname, '../../build/native');
const peer = path.join(build, 'src/rpc/test/rpc_peer');
const library = path.join(build, 'dpdk/sledge_rpc_dpdk.so');
const CALLS = 1_000;
const HANG_MS = 100_000;

/** A machine without DPDK or root may skip; CI must have both. */
const possible = process.env.CI === 'true' || (existsSync(library) && Namespaces.possible);
if (!possible) console.log('skipped: needs root, libdpdk-dev and a build with it');
const whenPossible = possible ? describe : describe.skip;

const hosts = new Namespaces();
const servers: ChildProcess[] = [];
const dpdkData = { ipv4: '10.77.0.1', sm_ipv4: '10.77.1.1' };
const udpData = { ipv4: '10.77.0.2', sm_ipv4: '10.77.1.2' };
const udp = { backend: 'udp', ...udpData };
const dpdk = (device: string) => ({ backend: 'dpdk', library, device, ...dpdkData });
const words = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => `${name}=${value}`);

async function serve(host: string, values: Record<string, string>): Promise<void> {
  const all = words({ ...values, sm_port: '31850' });
  const server = spawn(...hosts.inside(host, peer, 'role=server', ...all));
  servers.push(server);
  const [text] = (await once(server.stdout, 'data')) as [Buffer];
  expect(text.toString()).toBe('ready 31850\n');
}

async function call(host: string, values: Record<string, string>, server: string) {
  const target = { server_ipv4: server, server_sm_port: '31850', calls: String(CALLS) };
  const all = words({ ...values, ...target, sm_port: '31851' });
  const command = hosts.inside(host, peer, 'role=client', ...all);
  const { stdout } = await run(...command, { timeout: HANG_MS });
  return JSON.parse(stdout) as unknown;
}

whenPossible('eRPC over DPDK', () => {
  let dpdkHost = '';
  let udpHost = '';

  beforeAll(() => {
    dpdkHost = hosts.add();
    udpHost = hosts.add();
    // Frames go over one link; the DPDK end has no address of the kernel's, which would answer too.
    const frames: LinkEnd = { namespace: dpdkHost, name: 'frames' };
    const packets: LinkEnd = { namespace: udpHost, name: 'packets' };
    hosts.link(frames, { ...packets, address: udpData.ipv4 });
    hosts.addNeighbour(packets, dpdkData.ipv4, hosts.macOf(frames));
    hosts.link(
      { namespace: dpdkHost, name: 'control', address: dpdkData.sm_ipv4 },
      { namespace: udpHost, name: 'control', address: udpData.sm_ipv4 },
    );
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      const ended = server.exitCode === null ? once(server, 'exit') : undefined;
      server.stdin?.end();
      await ended;
    }
  });
  afterAll(() => hosts.removeAll());

  test(
    `a client on kernel sockets gets ${CALLS} right answers from a server on DPDK`,
    async () => {
      await serve(dpdkHost, dpdk('net_af_packet0,iface=frames'));
      const result = await call(udpHost, udp, dpdkData.sm_ipv4);
      expect(result).toEqual({ right: CALLS, wrong: 0, closed: true });
    },
    HANG_MS,
  );

  test(
    `a client on DPDK gets ${CALLS} right answers from a server on kernel sockets`,
    async () => {
      await serve(udpHost, udp);
      const result = await call(dpdkHost, dpdk('net_af_packet0,iface=frames'), udpData.sm_ipv4);
      expect(result).toEqual({ right: CALLS, wrong: 0, closed: true });
    },
    HANG_MS,
  );

  test.each([
    ['an interface that does not exist', 'net_af_packet0,iface=absent', /no device net_af_packet0/],
    ['an argument of DPDK in place of a device', '-h', /PCI address|net_/],
    ['a shell in the device string', 'net_tap0,iface=`id`', /letters, digits/],
    ['a driver that does not exist', 'net_nothing0', /no device net_nothing0/],
  ])('%s is refused in words, and the process ends by itself', async (_what, device, message) => {
    const all = words({ ...dpdk(device), sm_port: '31852' });
    const [command, args] = hosts.inside(dpdkHost, peer, 'role=server', ...all);
    await expect(run(command, args, { timeout: HANG_MS })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message) as string,
    });
  });
});

test('without the backend, its absence is the error', async () => {
  const local = { ipv4: '127.0.0.1', sm_ipv4: '127.0.0.1', sm_port: '0' };
  const all = words({ ...dpdk('net_af_packet0'), ...local, library: '/absent.so' });
  await expect(run(peer, ['role=server', ...all], { timeout: HANG_MS })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/absent\.so/) as string,
  });
});
