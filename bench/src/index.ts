import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rememberMeasurement } from '@sledge/lab';
import type { BenchArea } from './area';
import { agreementArea } from './areas/agreement';
import { clusterArea } from './areas/cluster';
import { codeArea } from './areas/code';
import { compileArea } from './areas/compile';
import { densityArea } from './areas/density';
import { httpArea } from './areas/http';
import { overloadArea } from './areas/overload';
import { policyArea } from './areas/policy';
import { preemptArea } from './areas/preempt';
import { slowdownArea } from './areas/slowdown';
import { rpcArea } from './areas/rpc';
import { sandboxArea } from './areas/sandbox';
import { simArea } from './areas/sim';
import { startArea } from './areas/start';
import { describeMachine, readCpuTimes } from './machine';
import { formatReport } from './report';
import type { Report } from './report';

const AREAS: readonly BenchArea[] = [
  sandboxArea,
  startArea,
  httpArea,
  codeArea,
  compileArea,
  preemptArea,
  policyArea,
  slowdownArea,
  rpcArea,
  overloadArea,
  simArea,
  densityArea,
  agreementArea,
  clusterArea,
];
const ROOT = resolve(__dirname, '../..');

function usage(): string {
  const lines = AREAS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`);
  return `npm run bench -- <name> [--json FILE] [--quick]\n\n${lines.join('\n')}`;
}

async function runArea(area: BenchArea, quick: boolean): Promise<Report> {
  const before = readCpuTimes();
  const cacheDirectory = join(ROOT, '.cache/bench');
  mkdirSync(cacheDirectory, { recursive: true });
  const figures = await area.run({
    quick,
    note: (text) => console.error(`${area.name}: ${text}`),
    cacheDirectory,
    root: ROOT,
  });
  const command = `npm run bench -- ${area.name}${quick ? ' --quick' : ''}`;
  return { bench: area.name, version: 1, machine: describeMachine(before), command, figures };
}

/**
 * Runs one benchmark, prints its table, and writes its report.
 * @returns the exit code: 2 for wrong arguments
 */
export async function main(args: readonly string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'string' }, quick: { type: 'boolean' } },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage()}`);
    return 2;
  }
  const [name, ...rest] = parsed.positionals;
  const area = AREAS.find((candidate) => candidate.name === name);
  if (area === undefined || rest.length > 0) {
    console.error(usage());
    return 2;
  }
  const report = await runArea(area, parsed.values.quick ?? false);
  rememberMeasurement(report);
  console.log(formatReport(report));
  if (parsed.values.json !== undefined) {
    const path = resolve(process.env['INIT_CWD'] ?? process.cwd(), parsed.values.json);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  }
  return 0;
}
