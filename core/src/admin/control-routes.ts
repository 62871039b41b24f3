import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { SledgeError } from '../errors/sledge-error';
import type { RollbackRule } from '../functions/traffic-split';
import * as schemas from './control-schemas';
import type { AdminTarget } from './routes';
import { failure } from './schemas';

const FAILURES = { '4xx': failure, '5xx': failure };
const SECURED = [{ token: [] }];
const READER = { config: { role: 'reader' } } as const;
const OPERATOR = { config: { role: 'operator' } } as const;
export const FUNCTION = '/tenants/:tenant/functions/:name';
/** Fastify's own bound; the target's is smaller. */
const MODULE_BYTES_MAX = 1 << 30;

declare module 'fastify' {
  interface FastifyRequest {
    /** Gives the place of a deployment back. */
    leaveQueue?: () => void;
  }
}

/** Routes that deploy, exchange and take out functions and tenants. */
export function addControl(app: FastifyInstance, target: AdminTarget): void {
  addTenants(app, target);
  addFunctions(app, target);
  addDeploy(app, target);
  addTraffic(app, target);
  const schema = {
    summary: 'As SIGTERM: it drains and ends.',
    security: SECURED,
    response: { 202: schemas.draining, ...FAILURES },
  };
  app.post('/drain', { ...OPERATOR, schema }, async (_request, reply) => {
    setImmediate(() => target.askToDrain());
    return reply.code(202).send({ status: 'draining' });
  });
}

function addTenants(plain: FastifyInstance, target: AdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const list = {
    summary: 'Every tenant, where it comes from and where it is served.',
    security: SECURED,
    response: { 200: schemas.tenantReports, ...FAILURES },
  };
  app.get('/tenants', { ...READER, schema: list }, async (_request, reply) =>
    reply.send(target.control.tenants().map((tenant) => ({ ...tenant }))),
  );
  const put = {
    summary: 'Makes a tenant, or changes one that was made here.',
    security: SECURED,
    params: schemas.tenantParams,
    body: schemas.tenantBody,
    response: { 200: schemas.tenantReport, ...FAILURES },
  };
  app.put('/tenants/:tenant', { ...OPERATOR, schema: put }, async (request, reply) => {
    const { params, body } = request;
    const report = await patiently(request, () => target.control.setTenant(params.tenant, body));
    return reply.send({ ...report });
  });
  const remove = {
    summary: 'Takes a tenant away, with everything that was deployed for it.',
    security: SECURED,
    params: schemas.tenantParams,
    response: { 200: schemas.done, ...FAILURES },
  };
  app.delete('/tenants/:tenant', { ...OPERATOR, schema: remove }, async (request, reply) => {
    await patiently(request, () => target.control.removeTenant(request.params.tenant));
    return reply.send({ status: 'done' });
  });
}

function addFunctions(plain: FastifyInstance, target: AdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const list = {
    summary: 'Every function, which version serves and where that comes from.',
    security: SECURED,
    response: { 200: schemas.functionSummaries, ...FAILURES },
  };
  app.get('/functions', { ...READER, schema: list }, async (_request, reply) =>
    reply.send(target.control.functions()),
  );
  const get = {
    summary: 'A function with its versions, its split and what was done to it.',
    security: SECURED,
    params: schemas.functionParams,
    response: { 200: schemas.functionReport, ...FAILURES },
  };
  app.get(FUNCTION, { ...READER, schema: get }, async (request, reply) =>
    reply.send(target.control.report(request.params)),
  );
  const remove = {
    summary: "Takes out what was deployed; the configuration's serves again if it has one.",
    security: SECURED,
    params: schemas.functionParams,
    response: { 200: schemas.done, ...FAILURES },
  };
  app.delete(FUNCTION, { ...OPERATOR, schema: remove }, async (request, reply) => {
    await patiently(request, () => target.control.undeploy(request.params));
    return reply.send({ status: 'done' });
  });
}

/** The body of routes is a module. A place in the queue is taken before it is read. */
export function withModules(
  plain: FastifyInstance,
  target: AdminTarget,
  addRoutes: (scope: FastifyInstance, options: { bodyLimit: number }) => void,
): void {
  void plain.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    const parse = { parseAs: 'buffer', bodyLimit: MODULE_BYTES_MAX } as const;
    const types = ['application/wasm', 'application/octet-stream'];
    scope.addContentTypeParser(types, parse, (_request, body, done) => done(null, body));
    scope.addHook('onResponse', async (request) => request.leaveQueue?.());
    scope.addHook('preParsing', async (request) => {
      const leave = target.control.enterQueue();
      const { socket } = request.raw;
      socket.once('close', leave);
      request.leaveQueue = () => {
        socket.off('close', leave);
        leave();
      };
      checkLength(request.headers['content-length'], target.control.moduleBytes);
    });
    addRoutes(scope, { bodyLimit: MODULE_BYTES_MAX });
  });
}

function addDeploy(plain: FastifyInstance, target: AdminTarget): void {
  withModules(plain, target, (scope, limits) => {
    const schema = {
      summary: 'Deploys a .wasm as a new version: compiled here, it serves when this answers.',
      security: SECURED,
      consumes: ['application/wasm'],
      params: schemas.functionParams,
      querystring: schemas.deployQuery,
      response: { 200: schemas.deployed, ...FAILURES },
    };
    const app = scope.withTypeProvider<ZodTypeProvider>();
    app.post(`${FUNCTION}/versions`, { ...OPERATOR, schema, ...limits }, async (request, reply) => {
      const deployment = deploymentOf(request.query, request.body);
      const report = await patiently(request, (signal) =>
        target.control.deploy({ ...request.params, ...deployment, signal }),
      );
      const added = report.versions.at(-1);
      const { version = 0, hash = '' } = added ?? {};
      return reply.send({ version, hash, function: report });
    });
  });
}

function addTraffic(plain: FastifyInstance, target: AdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const response = { 200: schemas.functionReport, ...FAILURES };
  const common = { security: SECURED, params: schemas.functionParams, response };
  const rollback = {
    ...common,
    summary: 'Back to what served before, or to the version named; a split ends.',
    body: schemas.rollbackBody,
  };
  app.post(`${FUNCTION}/rollback`, { ...OPERATOR, schema: rollback }, async (request, reply) => {
    const { params, body } = request;
    const rolledBack = () => target.control.rollback(params, body?.version);
    return reply.send(await patiently(request, rolledBack));
  });
  const split = {
    ...common,
    summary: 'Requests between two versions by weight, or all of them for one.',
    body: schemas.splitBody,
  };
  app.put(`${FUNCTION}/split`, { ...OPERATOR, schema: split }, async (request, reply) => {
    const { params, body } = request;
    return reply.send(await patiently(request, () => target.control.split({ ...params, ...body })));
  });
}

/** What a deployment says beside whose function it is. */
export function deploymentOf(query: z.output<typeof schemas.deployQuery>, body: unknown) {
  const { settings, split, ...rule } = query;
  const wasm = (body as Buffer | undefined) ?? Buffer.alloc(0);
  return { wasm, settings: settingsOf(settings), split, rollback: ruleOf(rule) };
}

function ruleOf(rule: {
  [Key in keyof RollbackRule]?: RollbackRule[Key] | undefined;
}): RollbackRule | undefined {
  const { requests, errorRate, missRate } = rule;
  if (errorRate === undefined && missRate === undefined) return undefined;
  return { requests: requests ?? REQUESTS_DEFAULT, errorRate, missRate };
}

const REQUESTS_DEFAULT = 100;

/** A compiler may take minutes without a word; aborted when who asked has gone. */
export async function patiently<Of>(
  { raw: { socket } }: Pick<FastifyRequest, 'raw'>,
  work: (signal: AbortSignal) => Promise<Of>,
): Promise<Of> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  socket.setTimeout(0).once('close', onClose);
  try {
    return await work(gone.signal);
  } finally {
    socket.off('close', onClose);
  }
}

/** What has no end could not be bounded before it is read. */
function checkLength(header: string | undefined, limitBytes: number): void {
  if (header === undefined) {
    const reason = 'a module comes with a Content-Length';
    throw new SledgeError('SLEDGE_ERR_ADMIN_REQUEST', { reason });
  }
  if (Number(header) <= limitBytes) return;
  throw new SledgeError('SLEDGE_ERR_CONTROL_TOO_LARGE', { limitBytes });
}

function settingsOf(text: string | undefined): object | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // said below
  }
  throw new SledgeError('SLEDGE_ERR_ADMIN_REQUEST', { reason: 'settings: it is no JSON object' });
}
