import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ClusterTarget } from '../cluster';
import { SledgeError } from '../errors/sledge-error';
import * as schemas from './cluster-schemas';
import { deploymentOf, FUNCTION, patiently, withModules } from './control-routes';
import * as control from './control-schemas';
import type { AdminTarget } from './routes';
import { failure, policyChange } from './schemas';

const SECURED = [{ token: [] }];
const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
const FAILURES = { '4xx': failure, '5xx': failure };
const OF_FUNCTION = `/cluster${FUNCTION}`;
const OF_TENANT = '/cluster/tenants/:tenant';

/** Of every change: who may ask, and what is answered. */
const CHANGE = {
  security: SECURED,
  querystring: schemas.waitQuery,
  response: { 200: schemas.clusterAnswer, ...FAILURES },
};

/** Routes that change what all nodes of a cluster serve; each answers when the nodes have it. */
export function addCluster(app: FastifyInstance, target: AdminTarget): void {
  const cluster = (): ClusterTarget => {
    if (target.cluster !== undefined) return target.cluster;
    throw new SledgeError('SLEDGE_ERR_CLUSTER_NONE');
  };
  addNodes(app, cluster);
  addDeploy(app, target, cluster);
  addFunctions(app, cluster);
  addTenants(app, cluster);
}

function addNodes(plain: FastifyInstance, cluster: () => ClusterTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const list = {
    summary: 'Every node of the cluster: where it is, what it does, how far it has come.',
    security: SECURED,
    response: { 200: schemas.nodes, ...FAILURES },
  };
  app.get('/cluster/nodes', { ...READER, schema: list }, async (_request, reply) =>
    reply.send(await cluster().nodes()),
  );
  const put = {
    ...CHANGE,
    summary: 'A node takes work of the cluster, or no more: then it ends what it has.',
    params: schemas.nodeParams,
    body: schemas.nodeBody,
  };
  app.put('/cluster/nodes/:node', { ...OPERATOR, schema: put }, async (request, reply) => {
    const { params, body, query } = request;
    const changed = await patiently(request, () =>
      cluster().setNode(params.node, body.isTaking, query.waitMs),
    );
    return reply.send(changed);
  });
  const policies = {
    ...CHANGE,
    summary: 'Another policy on every node from now on.',
    body: policyChange,
  };
  app.put('/cluster/policies', { ...OPERATOR, schema: policies }, async (request, reply) => {
    const { body, query } = request;
    return reply.send(await patiently(request, () => cluster().setPolicy(body, query.waitMs)));
  });
}

function addDeploy(
  plain: FastifyInstance,
  target: AdminTarget,
  cluster: () => ClusterTarget,
): void {
  withModules(plain, target, (scope, limits) => {
    const schema = {
      ...CHANGE,
      summary: 'Deploys a .wasm as a new version on every node; each compiles for its own CPU.',
      consumes: ['application/wasm'],
      params: control.functionParams,
      querystring: schemas.clusterDeployQuery,
    };
    const app = scope.withTypeProvider<ZodTypeProvider>();
    const options = { ...OPERATOR, schema, ...limits };
    app.post(`${OF_FUNCTION}/versions`, options, async (request, reply) => {
      const { waitMs, ...query } = request.query;
      const deployment = deploymentOf(query, request.body);
      const answer = await patiently(request, (signal) =>
        cluster().deploy({ ...request.params, ...deployment, signal }, waitMs),
      );
      return reply.send(answer);
    });
  });
}

function addFunctions(plain: FastifyInstance, cluster: () => ClusterTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const common = { ...CHANGE, params: control.functionParams };
  const get = {
    summary: 'A function as the cluster has it.',
    security: SECURED,
    params: control.functionParams,
    response: { 200: control.functionReport, ...FAILURES },
  };
  app.get(OF_FUNCTION, { ...READER, schema: get }, async (request, reply) =>
    reply.send(await cluster().functionReport(request.params)),
  );
  const rollback = {
    ...common,
    summary: 'On every node back to what served before, or to the version named.',
    body: control.rollbackBody,
  };
  app.post(`${OF_FUNCTION}/rollback`, { ...OPERATOR, schema: rollback }, async (request, reply) => {
    const { params, body, query } = request;
    const rolledBack = () => cluster().rollback(params, body?.version, query.waitMs);
    return reply.send(await patiently(request, rolledBack));
  });
  const split = {
    ...common,
    summary: 'On every node requests between two versions by weight.',
    body: control.splitBody,
  };
  app.put(`${OF_FUNCTION}/split`, { ...OPERATOR, schema: split }, async (request, reply) => {
    const { params, body, query } = request;
    return reply.send(
      await patiently(request, () => cluster().split({ ...params, ...body }, query.waitMs)),
    );
  });
  const remove = { ...common, summary: 'Takes out on every node what was deployed on all.' };
  app.delete(OF_FUNCTION, { ...OPERATOR, schema: remove }, async (request, reply) => {
    const { params, query } = request;
    return reply.send(await patiently(request, () => cluster().undeploy(params, query.waitMs)));
  });
}

function addTenants(plain: FastifyInstance, cluster: () => ClusterTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const common = { ...CHANGE, params: control.tenantParams };
  const put = { ...common, summary: 'A tenant on every node.', body: control.tenantBody };
  app.put(OF_TENANT, { ...OPERATOR, schema: put }, async (request, reply) => {
    const { params, body, query } = request;
    const made = () => cluster().setTenant(params.tenant, body, query.waitMs);
    return reply.send(await patiently(request, made));
  });
  const remove = { ...common, summary: 'Takes a tenant away on every node, with its functions.' };
  app.delete(OF_TENANT, { ...OPERATOR, schema: remove }, async (request, reply) => {
    const { params, query } = request;
    const removed = () => cluster().removeTenant(params.tenant, query.waitMs);
    return reply.send(await patiently(request, removed));
  });
}
