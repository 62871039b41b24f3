import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';

const run = promisify(execFile);
const OUTSTANDING = 8;
const CALLS = { quick: 300_000, full: 1_000_000 };
/** Under callgrind, fifty times slower: the difference of both is the data path alone. */
const COUNTED_CALLS = [10_000, 30_000] as const;
const VALGRIND = '/usr/bin/valgrind';

interface Rate {
  seconds: number;
  packets: number;
}

const programOf = (context: BenchContext): string =>
  join(context.root, 'build/native/src/rpc/bench/rpc_core_bench');

async function rate(program: string, calls: number, outstanding: number): Promise<Rate> {
  const args = ['-c', '1', program, 'rate', String(calls), String(outstanding)];
  return JSON.parse((await run('taskset', args)).stdout) as Rate;
}

/** Both ends on one thread, over the loop backend. One process a sample. */
export async function coreFigures(context: BenchContext): Promise<Figure[]> {
  const program = programOf(context);
  const rounds = context.quick ? 5 : 11;
  const calls = context.quick ? CALLS.quick : CALLS.full;
  const rates: number[] = [];
  const packetNs: number[] = [];
  const roundTripNs: number[] = [];
  const sessionBytes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { seconds, packets } = await rate(program, calls, OUTSTANDING);
    rates.push(calls / seconds);
    packetNs.push((seconds * 1e9) / packets);
    roundTripNs.push(((await rate(program, calls, 1)).seconds * 1e9) / calls);
    const { stdout } = await run(program, ['sessions']);
    sessionBytes.push((JSON.parse(stdout) as { bytes: number }).bytes);
    context.note(`core: round ${round + 1} of ${rounds}`);
  }
  return [
    figure('core_rpcs_per_second', '1/s', rates),
    figure('core_packet', 'ns', packetNs),
    ...(await instructionFigure(context, program)),
    figure('loop_rtt', 'ns', roundTripNs),
    figure('session_of_20000', 'B', sessionBytes),
  ];
}

/** What callgrind counts is the same in each run: one sample. */
async function instructionFigure(context: BenchContext, program: string): Promise<Figure[]> {
  if (!existsSync(VALGRIND)) {
    context.note('no core_packet_instructions: valgrind is not installed');
    return [];
  }
  const [few, many] = COUNTED_CALLS;
  const folder = mkdtempSync(join(tmpdir(), 'sledge-callgrind-'));
  const count = async (calls: number): Promise<Rate & { instructions: number }> => {
    const tool = ['--tool=callgrind', `--callgrind-out-file=${join(folder, 'out')}`];
    const args = [...tool, program, 'rate', String(calls), String(OUTSTANDING)];
    const { stdout, stderr } = await run(VALGRIND, args);
    const instructions = Number(/Collected : (\d+)/.exec(stderr)?.[1] ?? NaN);
    return { ...(JSON.parse(stdout) as Rate), instructions };
  };
  try {
    const [less, more] = [await count(few), await count(many)];
    // Each run warms up with a tenth of its calls, whose packets it does not count.
    const packets = 1.1 * (more.packets - less.packets);
    const each = (more.instructions - less.instructions) / packets;
    return [figure('core_packet_instructions', '1', [each])];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
