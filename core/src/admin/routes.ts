import { Readable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { PolicyStatus } from '../contracts/data-plane';
import type { ListenerInfo } from '../contracts/kinds';
import type { PolicyChange } from '../server/server-policies';
import { EXPOSITION_TYPE, exposition, metricsReport } from '../metrics/exposition';
import type { MetricSources } from '../metrics/table';
import type { ClusterTarget } from '../cluster';
import type { ControlTarget } from '../control/live-control';
import { addControl } from './control-routes';
import { addCluster } from './cluster-routes';
import { addConsole } from './console-routes';
import { addLive } from './live-routes';
import type { LiveAdminTarget } from './live-routes';
import * as schemas from './schemas';
import type { Phase } from './schemas';

/** What the admin API needs of a server. */
export interface AdminTarget extends LiveAdminTarget {
  readonly phase: Phase;
  readonly inFlight: number;
  listeners(): readonly ListenerInfo[];
  policyStatus(): PolicyStatus;
  /** A look at everything, with what functions beyond metrics.functions count together. */
  readonly metrics: { read(): Promise<MetricSources> };
  setPolicy(...change: PolicyChange): Promise<void>;
  /** @throws SledgeError SLEDGE_ERR_CONTROL_UNAVAILABLE while it does not serve. */
  readonly control: ControlTarget;
  /** Undefined: it is no node of a cluster. */
  readonly cluster?: ClusterTarget | undefined;
  /** As SIGTERM. */
  askToDrain(): void;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const FAILURES = { '4xx': schemas.failure, '5xx': schemas.failure };
const SECURED = [{ token: [] }];

/**
 * Every route of the admin API, each with who may call it and what it takes and gives.
 * @param isPrivate only the server's own user reaches it, who may run any file on this machine
 */
export function addRoutes(app: FastifyInstance, target: AdminTarget, isPrivate: boolean): void {
  addProbes(app, target);
  addStatus(app, target);
  addPolicies(app, target, isPrivate);
  addMetrics(app, target);
  addControl(app, target);
  addCluster(app, target);
  addLive(app, target);
  addConsole(app);
  const schema = { summary: 'This document.', security: SECURED, hide: true };
  app.get('/openapi.json', { config: { role: 'reader' }, schema }, () => app.swagger());
}

/** For whoever restarts or routes: they have no token, and learn nothing else. */
function addProbes(plain: FastifyInstance, target: AdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const livez = { summary: 'The process answers.', response: { 200: schemas.alive } };
  app.get('/livez', { schema: livez }, async () => ({ status: 'alive' as const }));
  const readyz = {
    summary: 'It serves: 503 while it starts, drains or stops.',
    response: { 200: schemas.readiness, 503: schemas.readiness },
  };
  app.get('/readyz', { schema: readyz }, async (_request, reply) => {
    const status = target.phase;
    return reply.code(status === 'serving' ? 200 : 503).send({ status });
  });
}

function addStatus(plain: FastifyInstance, target: AdminTarget): void {
  const schema = {
    summary: 'What this server is and where it listens.',
    security: SECURED,
    response: { 200: schemas.serverStatus, ...FAILURES },
  };
  plain
    .withTypeProvider<ZodTypeProvider>()
    .get('/status', { config: { role: 'reader' }, schema }, async () => ({
      pid: process.pid,
      phase: target.phase,
      uptimeSeconds: process.uptime(),
      listeners: target.listeners().map((listener) => ({ ...listener })),
      inFlight: target.inFlight,
      ...(target.cluster === undefined ? {} : { registry: target.cluster.report() }),
    }));
}

function addPolicies(plain: FastifyInstance, target: AdminTarget, isPrivate: boolean): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const response = { 200: schemas.policyStatus, ...FAILURES };
  const get = { summary: 'Which policies decide.', security: SECURED, response };
  app.get('/policies', { config: { role: 'reader' }, schema: get }, async (_request, reply) =>
    reply.send(target.policyStatus() as schemas.PolicyStatusBody),
  );
  const put = {
    summary: 'Another policy from now on; nothing in flight is lost.',
    security: SECURED,
    body: schemas.policyChange,
    response,
  };
  app.put('/policies', { config: { role: 'operator' }, schema: put }, async (request, reply) => {
    const { kind, choice, group } = request.body;
    await target.setPolicy(kind, choice, group, isPrivate ? 'any' : 'own');
    return reply.send(target.policyStatus() as schemas.PolicyStatusBody);
  });
}

function addMetrics(plain: FastifyInstance, target: AdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const text = {
    summary: "What is counted, in Prometheus' text format.",
    security: SECURED,
    produces: [EXPOSITION_TYPE],
    response: { 200: z.string(), ...FAILURES },
  };
  app.get('/metrics', { config: { role: 'reader' }, schema: text }, async (_request, reply) =>
    reply.type(EXPOSITION_TYPE).send(streamOf(exposition(await target.metrics.read()))),
  );
  const json = {
    summary: 'The same as JSON, with quantiles.',
    security: SECURED,
    response: { 200: schemas.metrics, ...FAILURES },
  };
  app.get('/metrics.json', { config: { role: 'reader' }, schema: json }, async (_request, reply) =>
    reply.type(JSON_TYPE).send(streamOf(metricsReport(await target.metrics.read()))),
  );
}

/** Requests get their turn between two parts. Serializers leave it as it is. */
function streamOf(parts: Iterable<string>): never {
  return Readable.from(withPauses(parts)) as never;
}

async function* withPauses(parts: Iterable<string>): AsyncGenerator<string> {
  for (const part of parts) {
    yield part;
    await breathe();
  }
}
