import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { LineProcess } from '../line-process';

const OWN = '10.77.0.2';
const OTHER = '10.77.0.1';
/** DPDK has the end without an address; the kernel's other end finds it without asking. */
const LINK = `set -e
ip link set lo up
ip link add frames type veth peer name packets
ip addr add ${OWN}/24 dev packets
ip link set frames up
ip link set packets up
mac=$(ip -o link show dev frames | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/')
ip neigh add ${OTHER} lladdr $mac dev packets nud permanent
exec "$0"`;

/** RPCs of the core from kernel sockets to DPDK, over a link in a network namespace of its own. */
export async function dpdkFigures(
  context: BenchContext,
  program: string,
  { rounds, count }: { rounds: number; count: number },
): Promise<Figure[]> {
  const library = join(context.root, 'build/native/dpdk/sledge_rpc_dpdk.so');
  if (!existsSync(library) || process.getuid?.() !== 0) {
    context.note('no udp_rtt_dpdk: it needs root, libdpdk-dev, and a build with it');
    return [];
  }
  const ends = new LineProcess('unshare', ['-n', 'sh', '-c', LINK, program]);
  const samples: number[] = [];
  try {
    for (let round = -1; round < rounds; round += 1) {
      const line = `dpdk_rtt ${library} net_af_packet0,iface=frames ${OWN} ${count}`;
      const value = Number(await ends.ask(line));
      if (round >= 0) samples.push(value);
    }
  } finally {
    await ends.stop();
  }
  return [figure('udp_rtt_dpdk', 'ns', samples)];
}
