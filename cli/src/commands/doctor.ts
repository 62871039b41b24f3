import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { compilerFacts } from '../doctor/compilers';
import type { Fact } from '../doctor/fact';
import { machineFacts } from '../doctor/machine';
import { nativeFacts } from '../doctor/native';
import type { CommonOptions } from '../output';
import { printJson, printTable } from '../output';
import { EXIT } from '../exit-codes';

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('measure this machine and say what it means for the configuration');
  withCommon(command).action(doctor);
}

async function doctor(options: CommonOptions): Promise<void> {
  const facts: Fact[] = [...machineFacts(), ...(await compilerFacts()), ...nativeFacts()];
  if (facts.some((fact) => fact.verdict === 'bad')) process.exitCode = EXIT.failed;
  if (options.json === true) {
    printJson(facts);
    return;
  }
  printTable(
    ['', 'WHAT', 'HERE', 'MEANS'],
    facts.map((fact) => [fact.verdict, fact.name, fact.value, fact.meaning]),
  );
}
