import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { InvocationRequest, Outcome } from '../contracts/invocation';
import { SledgeError } from '../errors/sledge-error';
import { liveReport } from '../live/live-report';
import type { LiveReport } from '../live/live-report';
import type { PolicyKind } from '../server/policy-kinds';
import { POLICY_KINDS } from '../server/policy-kinds';
import { ROLES } from './access';
import { patiently } from './control-routes';
import { PHASES, failure } from './schemas';
import type { Phase } from './schemas';

/** What the console and `sledge top` need of a server. */
export interface LiveAdminTarget {
  readonly phase: Phase;
  liveReport(after: number): LiveReport;
  installedPolicies(): readonly { kind: PolicyKind; name: string }[];
  invoke(name: string, request: InvocationRequest): Promise<Outcome>;
}

/** What is shown of an output; the rest is counted. */
const OUTPUT_BYTES_MAX = 65_536;
/** Calls by hand that are not answered yet, for each listener. */
const CALLS_MAX = 16;
const ARGS_MAX = 64;

const FAILURES = { '4xx': failure, '5xx': failure };
const SECURED = [{ token: [] }];
const NS_PER_US = 1000;

const live = liveReport.extend({
  phase: z.enum(PHASES),
  role: z.enum(ROLES).describe('Of who asks.'),
});

const call = z.strictObject({
  function: z.string().min(1).max(256).describe('name, or tenant/name'),
  args: z.array(z.string().max(4096)).max(ARGS_MAX).default([]).describe('argv[1] and behind.'),
  input: z.string().max(49_152).default('').describe('Standard input, as UTF-8.'),
});

const called = z.object({
  status: z.string(),
  exitCode: z.int(),
  trap: z.string().optional(),
  output: z.string().describe('Standard output as UTF-8, at most 64 KiB of it.'),
  outputBytes: z.int().describe('Its whole length.'),
  queueUs: z.number(),
  runUs: z.number(),
  totalUs: z.number(),
  error: z.object({ code: z.string(), message: z.string(), solve: z.string() }).optional(),
});

/** What a server does now, and calls by hand. */
export function addLive(plain: FastifyInstance, target: LiveAdminTarget): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const get = {
    summary: 'What happens now, second by second; sampled while somebody asks.',
    security: SECURED,
    querystring: z.object({ after: z.coerce.number().int().min(0).default(0) }),
    response: { 200: live, ...FAILURES },
  };
  app.get('/live', { config: { role: 'reader' }, schema: get }, async (request) => ({
    ...target.liveReport(request.query.after),
    phase: target.phase,
    role: request.sledgeRole,
  }));
  const installed = {
    summary: 'Policies that `PUT /policies` takes by their short names.',
    security: SECURED,
    response: { 200: z.array(z.object({ kind: z.enum(POLICY_KINDS), name: z.string() })) },
  };
  app.get('/policies/installed', { config: { role: 'reader' }, schema: installed }, async () => [
    ...target.installedPolicies(),
  ]);
  addCalls(plain, target);
}

function addCalls(plain: FastifyInstance, target: LiveAdminTarget): void {
  const schema = {
    summary: 'Calls a function and waits for its outcome.',
    security: SECURED,
    body: call,
    response: { 200: called, ...FAILURES },
  };
  let calls = 0;
  plain
    .withTypeProvider<ZodTypeProvider>()
    .post('/invocations', { config: { role: 'operator' }, schema }, async (request) => {
      if (calls >= CALLS_MAX) {
        throw new SledgeError('SLEDGE_ERR_ADMIN_CALLS', { limit: CALLS_MAX });
      }
      calls += 1;
      try {
        const { function: name, args, input: text } = request.body;
        const input = text === '' ? undefined : Buffer.from(text);
        const invoked = () => target.invoke(name, { args, environ: [], input });
        return calledOf(await patiently(request, invoked));
      } finally {
        calls -= 1;
      }
    });
}

function calledOf({ status, exitCode, trap, output, times, error }: Outcome) {
  const shown = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
  const { queueNs, runNs, totalNs } = times;
  return {
    status,
    exitCode,
    trap,
    output: shown.toString('utf8', 0, OUTPUT_BYTES_MAX),
    outputBytes: output.byteLength,
    queueUs: queueNs / NS_PER_US,
    runUs: runNs / NS_PER_US,
    totalUs: totalNs / NS_PER_US,
    error: error && { code: error.code, message: error.message, solve: error.solve },
  };
}
