import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { SledgeError } from '@sledge/core';
import { loadBinding, reasonOf } from '@sledge/core/host';
import { withCommon } from '../config-options';
import { printJson } from '../output';
import type { CommonOptions } from '../output';

export function captureCommand(program: Command): void {
  const command = program
    .command('capture')
    .argument('<file>', 'a pcap file, as tcpdump -w writes it')
    .description('say in a line what each eRPC packet of a capture is');
  withCommon(command).action(capture);
}

function capture(path: string, options: CommonOptions): void {
  const lines = describe(path);
  if (options.json === true) {
    printJson(lines);
    return;
  }
  for (const { timeNs, text } of lines) {
    console.log(`${(timeNs / 1e6).toFixed(3).padStart(12)} ms  ${text}`);
  }
}

/** @throws SledgeError SLEDGE_ERR_RPC_CAPTURE. */
function describe(path: string): { timeNs: number; text: string }[] {
  try {
    return loadBinding().binding.describeCapture(readFileSync(path));
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    throw new SledgeError('SLEDGE_ERR_RPC_CAPTURE', { path, reason: reasonOf(error) });
  }
}
