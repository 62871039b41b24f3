import { hint } from '../nearest';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';
import { fieldsOf, listAt } from './raw-input';

/**
 * Names of worker groups that stand twice or do not exist, and values that groups have of their
 * own. Works on the input as written.
 */
export function checkWorkerGroups(input: unknown): Problem[] {
  const workers = fieldsOf(fieldsOf(input).workers);
  const groups = listAt(workers, 'groups');
  const names = groups.map((group) => group.name);
  return [
    ...twice(names),
    ...(workers.groups === undefined ? [] : ofTheirOwn(workers)),
    ...unknownNames(input, names),
  ];
}

function twice(names: readonly unknown[]): Problem[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (name === undefined || first === index) return [];
    const message = `${JSON.stringify(name)} is taken by workers.groups[${first}].name`;
    return [problem(['workers', 'groups', index, 'name'], message)];
  });
}

function ofTheirOwn(workers: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  if (workers.count !== undefined && workers.count !== 'auto') {
    const message = 'each of workers.groups has a count of its own; leave this one out';
    problems.push(problem(['workers', 'count'], message));
  }
  if (Array.isArray(workers.cores)) {
    const message = 'each of workers.groups lists its own cores; leave these out';
    problems.push(problem(['workers', 'cores'], message));
  }
  return problems;
}

function unknownNames(input: unknown, names: readonly unknown[]): Problem[] {
  const known = names.filter((name) => typeof name === 'string');
  const check = (name: unknown, keys: readonly PropertyKey[]): Problem[] => {
    if (typeof name !== 'string' || known.includes(name)) return [];
    const all = known.length === 0 ? 'workers.groups is missing' : `there are ${known.join(', ')}`;
    const why = hint(name, known) || `; ${all}`;
    return [problem([...keys, 'workerGroup'], `there is no worker group ${name}${why}`)];
  };
  return listAt(input, 'tenants').flatMap((tenant, index) => [
    ...check(tenant.workerGroup, ['tenants', index]),
    ...listAt(tenant, 'functions').flatMap((fn, inner) =>
      check(fn.workerGroup, ['tenants', index, 'functions', inner]),
    ),
  ]);
}
