import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { SledgeError } from '../errors/sledge-error';
import { asSledgeError } from '../functions/build-functions';
import type { TlsIdentity } from '../security/tls';
import type { Access, Role } from './access';
import { Connections } from './connections';
import { type AdminTarget, addRoutes } from './routes';

const BODY_BYTES_MAX = 65_536;
const IDLE_MS = 30_000;
const CONNECTIONS_MAX = 256;
/** For the head of a request to come. */
const HEAD_MS = 3_000;
const HEAD_LOOK_MS = 500;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call a route of the admin API; undefined: anybody. */
    role?: Role;
  }
  interface FastifyRequest {
    /** What its token proves; of a route for anybody: reader. */
    sledgeRole: Role;
  }
}

export interface AdminAppOptions {
  readonly access: Access;
  /** Only for requests that name an address or localhost: no page of a browser elsewhere. */
  readonly checksHost: boolean;
  /** Only the server's own user reaches it. */
  readonly isPrivate: boolean;
  /** Whoever gets through `access` has a token. */
  readonly asksProof: boolean;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsIdentity | undefined;
}

/**
 * The admin API as an application that does not listen yet. Its document is made of the schemas
 * that its requests and answers are checked with: `GET /openapi.json`.
 */
export async function makeAdminApp(
  target: AdminTarget,
  options: AdminAppOptions,
): Promise<FastifyInstance> {
  const heads = { headersTimeout: HEAD_MS, connectionsCheckingInterval: HEAD_LOOK_MS };
  const app = fastify({
    ...(options.tls === undefined
      ? { http: heads }
      : { https: { ...options.tls.serverOptions(HEAD_MS), ...heads } }),
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: IDLE_MS,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: IDLE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  }) as FastifyInstance;
  const connections = new Connections(app.server, CONNECTIONS_MAX);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error: FastifyError, _request, reply) => fail(reply, toSledgeError(error)));
  app.setNotFoundHandler(({ method, url }, reply) => {
    const route = `${method} ${url.slice(0, 200)}`;
    return fail(reply, new SledgeError('SLEDGE_ERR_ADMIN_NO_ROUTE', { route }));
  });
  app.decorateRequest('sledgeRole', 'reader');
  app.addHook('onRequest', async (request) => {
    authorize(request, options);
    const { role } = request.routeOptions.config;
    if (role !== undefined && options.asksProof) connections.hasProved(request.raw.socket);
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sledge admin API', version: '1', license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
  });
  await app.register(async (routes) => addRoutes(routes, target, options.isPrivate));
  await app.ready();
  return app;
}

function authorize(request: FastifyRequest, { access, checksHost }: AdminAppOptions): void {
  if (checksHost && !isOurHost(request.headers.host)) {
    const host = String(request.headers.host).slice(0, 255);
    throw new SledgeError('SLEDGE_ERR_ADMIN_HOST', { host });
  }
  const { role } = request.routeOptions.config;
  if (role === undefined) return;
  const given = access.roleOf(request.headers.authorization);
  if (role === 'operator' && given !== 'operator') {
    throw new SledgeError('SLEDGE_ERR_ADMIN_FORBIDDEN', { role });
  }
  request.sledgeRole = given;
}

/** A name that an attacker has pointed here ("DNS rebinding") is none of these. */
function isOurHost(host: string | undefined): boolean {
  return /^(localhost|\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\])(:\d+)?$/i.test(host ?? '');
}

/** Fastify's own errors are about the request, as its status says. */
function toSledgeError(error: FastifyError): SledgeError {
  if (error instanceof SledgeError) return error;
  const isOfRequest = error.validation !== undefined || (error.statusCode ?? 500) < 500;
  if (!isOfRequest) return asSledgeError(error);
  const issues = (error.validation ?? []).map(({ instancePath, message = '' }) => {
    const at = instancePath.slice(1).replaceAll('/', '.');
    return at === '' ? message : `${at}: ${message}`;
  });
  const reason = issues.length > 0 ? issues.join('; ') : error.message;
  return new SledgeError('SLEDGE_ERR_ADMIN_REQUEST', { reason: reason.slice(0, 1000) });
}

function fail(reply: FastifyReply, error: SledgeError): FastifyReply {
  const { code, message, solve, details, httpStatus } = error;
  if (httpStatus === 401) void reply.header('www-authenticate', 'Bearer realm="sledge"');
  return reply.code(httpStatus).send({ error: { code, message, solve, details } });
}
