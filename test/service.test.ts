import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { configFromObject } from '@sledge/core';
import type { LoadedConfig } from '@sledge/core';
import { validate } from 'dockerfile-utils';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { parseAllDocuments } from 'yaml';

// What examples/service gives away must be right by the rules of those who read it, and must fit
// the configuration beside it.
const folder = path.join(__dirname, '../examples/service');
const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
const MODELS = { Deployment, PodDisruptionBudget, Service };

function config(): LoadedConfig['config'] {
  const written = JSON.parse(read('sledge.config.json')) as { functionPath: string[] };
  written.functionPath = [path.join(folder, '../../functions')];
  return configFromObject(written).config;
}

/** The longest that an end takes which goes well. */
function endSeconds(): number {
  const { drainTimeoutMs, stopTimeoutMs } = config().lifecycle;
  return (drainTimeoutMs + 1000 + stopTimeoutMs) / 1000;
}

/** Values of a setting of the unit, in its order. */
function unitValues(name: string): string[] {
  const text = read('sledge.service').replaceAll(/\\\n\s*/g, '');
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

interface Object {
  kind: keyof typeof MODELS;
  spec: { selector: { matchLabels?: object } & Record<string, unknown>; ports?: object[] };
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface PodSpec {
  terminationGracePeriodSeconds: number;
  containers: {
    args: string[];
    ports: { name: string; containerPort: number }[];
    lifecycle: { preStop: { exec: { command: string[] } } };
    resources: { requests: object; limits: object };
    startupProbe: Probe;
    readinessProbe: Probe;
    livenessProbe: Probe;
  }[];
}

const objects = (): Object[] =>
  parseAllDocuments(read('kubernetes.yaml')).map((one) => one.toJS() as Object);

test('the objects for Kubernetes are valid by their schemas', () => {
  const kinds = objects().map((object) => {
    const Model = MODELS[object.kind];
    new Model(object as never).validate();
    return object.kind;
  });
  expect(kinds).toEqual(['Deployment', 'Service', 'PodDisruptionBudget']);
  const wrong = { ...objects()[0], spec: { replicas: 'two' } };
  expect(() => new Deployment(wrong as never).validate()).toThrow();
});

test('probes ask what the admin API has, and a pod has time to end', () => {
  const [deployment, service, budget] = objects() as [Object, Object, Object];
  const { template } = deployment.spec as unknown as {
    template: { metadata: { labels: object }; spec: PodSpec };
  };
  const { labels } = template.metadata;
  const [container] = template.spec.containers as [PodSpec['containers'][number]];
  expect(service.spec.selector).toEqual(labels);
  expect(budget.spec.selector.matchLabels).toEqual(labels);
  expect(container.ports).toEqual([
    { name: 'http', containerPort: config().tenants[0]?.port },
    { name: 'admin', containerPort: config().admin.port },
  ]);
  for (const [probe, path_] of [
    ['startupProbe', '/livez'],
    ['readinessProbe', '/readyz'],
    ['livenessProbe', '/livez'],
  ] as const) {
    expect(container[probe].httpGet).toEqual({ path: path_, port: 'admin' });
  }
  const [command, seconds] = container.lifecycle.preStop.exec.command;
  expect(command).toBe('sleep');
  const grace = template.spec.terminationGracePeriodSeconds;
  expect(grace).toBeGreaterThan(Number(seconds) + endSeconds());
  expect(container.resources.requests).toEqual(container.resources.limits);
});

test('the container file has no problem that its linter knows', () => {
  const text = read('Containerfile');
  expect(validate(text)).toEqual([]);
  expect(validate(text.replace('USER', 'USERS'))).not.toEqual([]);
  expect(text).toMatch(/^USER 10001/m);
  // a shell as the first process would keep signals from the server
  expect(text).toMatch(/^ENTRYPOINT \["node", /m);
  expect(text).toContain(`EXPOSE ${config().tenants[0]?.port} ${config().admin.port}`);
});

test('the unit has time to drain, and starts the same command as the others', () => {
  expect(Number(unitValues('TimeoutStopSec')[0])).toBeGreaterThan(endSeconds());
  expect(unitValues('RestartPreventExitStatus')).toEqual(['2 3']);
  expect(unitValues('ExecStart')[0]).toContain(
    'sledge.js start -c /etc/sledge/sledge.config.json --no-control',
  );
});

const hasSystemd = existsSync('/usr/bin/systemd-analyze');
if (!hasSystemd) console.log('without what systemd says of the unit: no systemd-analyze here');
const verify = hasSystemd ? test : test.skip;
verify('systemd takes the unit without a word, and thinks it well confined', () => {
  const copy = mkdtempSync(path.join(tmpdir(), 'sledge-unit-'));
  try {
    const file = path.join(copy, 'sledge.service');
    // what is installed here is this checkout
    const text = read('sledge.service')
      .replace('/usr/bin/node', process.execPath)
      .replace(/^Documentation=.*$/m, '');
    writeFileSync(file, text);
    const analyze = (...args: string[]) =>
      spawnSync('systemd-analyze', [...args, file], { encoding: 'utf8' });
    const { status, stderr } = analyze('verify', '--man=no');
    const ours = stderr.split('\n').filter((line) => line.includes('sledge.service'));
    expect([status, ours]).toEqual([0, []]);
    const security = analyze('security', '--offline=true', '--threshold=25');
    expect(security.stdout + security.stderr).toContain('Overall exposure level');
    expect(security.status).toBe(0);
  } finally {
    rmSync(copy, { recursive: true });
  }
});
