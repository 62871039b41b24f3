import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { GroupPolicyStatus, PolicyDescription, PolicyStatus } from '@sledge/core';
import { askControl, findControl, POLICY_KINDS } from '@sledge/core/host';
import type { PolicyChangeRequest, PolicyKind } from '@sledge/core/host';
import type { Command } from 'commander';
import { change, type ClusterOptions, withCluster } from '../cluster-options';
import { withCommon } from '../config-options';
import { printJson, printLine, printTable } from '../output';
import type { CommonOptions } from '../output';

interface PolicyOptions extends CommonOptions, ClusterOptions {
  socket?: string;
  options?: string;
  group?: string;
}

export function policyCommand(program: Command): void {
  const policy = program
    .command('policy')
    .description('see and exchange the policies of a server that runs');
  const show = policy.command('show').description('which policies decide, and what was ejected');
  withSocket(show).action(async (options: PolicyOptions) => {
    print((await askControl(findControl(options.socket))) as PolicyStatus, options);
  });
  const set = policy
    .command('set')
    .description('exchange a policy while requests are served; none is lost')
    .argument('<kind>', POLICY_KINDS.join(', '))
    .argument('<policy>', 'short name, package name, or path of one file')
    .option('--options <json>', "the policy's options, a JSON object")
    .option('--group <name>', 'the worker group whose policy it is; default: the first');
  withSocket(withCluster(set)).action(
    async (kind: string, name: string, options: PolicyOptions) => {
      const body = changeOf(kind, name, options);
      const path = options.cluster === true ? '/cluster/policies' : '/policies';
      await change(options, { method: 'PUT', path, body }, (status) =>
        print(status as PolicyStatus, options),
      );
    },
  );
}

function withSocket(command: Command): Command {
  return withCommon(
    command.option('--socket <path>', "the server's control socket; default: your only server's"),
  );
}

function changeOf(
  kind: string,
  name: string,
  { options, group }: PolicyOptions,
): PolicyChangeRequest {
  if (!POLICY_KINDS.includes(kind as PolicyKind)) {
    throw usage(`${kind} is none of ${POLICY_KINDS.join(', ')}`);
  }
  const source = name.startsWith('.') ? path.resolve(name) : name;
  const choice: PolicyChangeRequest['choice'] =
    options === undefined ? source : [source, parsed(options)];
  const change = { kind: kind as PolicyKind, choice };
  return group === undefined ? change : { ...change, group };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw usage('--options is no JSON object');
}

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

function print(status: PolicyStatus, options: PolicyOptions): void {
  if (options.json === true) {
    printJson(status);
    return;
  }
  const rows = status.groups.flatMap((group) => [
    row('dispatcher', group, group.dispatcher),
    row('scheduler', group, group.scheduler),
  ]);
  const hasGroups = status.groups.some(({ group }) => group !== undefined);
  const head = ['GROUP', 'KIND', 'POLICY', 'FORM', 'OPTIONS'];
  const from = hasGroups ? 0 : 1;
  printTable(
    head.slice(from),
    rows.map((cells) => cells.slice(from)),
  );
  for (const group of status.groups) printLive(group);
}

function row(
  kind: string,
  { group = '' }: GroupPolicyStatus,
  { name, form, options }: PolicyDescription,
): string[] {
  return [group, kind, name, form, JSON.stringify(options ?? {})];
}

function printLive(status: GroupPolicyStatus): void {
  const of = status.group === undefined ? '' : `${status.group}: `;
  if (status.live === 'driving') {
    const { events, orders, ignored, meanRoundTripUs, meanCallbackUs } = status;
    const times = `${meanCallbackUs.toFixed(1)} us a callback, ${meanRoundTripUs.toFixed(0)} us`;
    const counts = `${events} events, ${orders} orders, ${ignored} ignored`;
    printLine(`${of}${counts}, ${times} round trip`);
  }
  for (const { at, policy, reason } of status.ejections) {
    printLine(`${of}${at} ejected ${policy}: ${reason}`);
  }
}
