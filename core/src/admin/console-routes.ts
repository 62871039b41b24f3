import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';

/** Beside this folder, whether it is the source or what is built of it. */
const CONSOLE = path.resolve(__dirname, '../../console');
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
/** No page but this one, no network but this server, and no script that is not one of its files. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

const SCRIPTS = ['main', 'api', 'calls', 'charts', 'colours', 'dom', 'format', 'lanes', 'policies'];
const MORE_SCRIPTS = ['report', 'tables', 'tenants', 'versions'];

interface File {
  readonly route: string;
  readonly type: string;
  readonly path: string;
}

function files(): File[] {
  const uplot = path.dirname(require.resolve('uplot'));
  const scripts = [...SCRIPTS, ...MORE_SCRIPTS].map((name) => ({
    route: `/console/${name}.js`,
    type: JAVASCRIPT,
    path: path.join(CONSOLE, 'dist', `${name}.js`),
  }));
  const style = { type: CSS, path: path.join(CONSOLE, 'style.css') };
  return [
    { route: '/console', type: 'text/html; charset=utf-8', path: path.join(CONSOLE, 'index.html') },
    { route: '/console/style.css', ...style },
    { route: '/console/uplot.css', type: CSS, path: path.join(uplot, 'uPlot.min.css') },
    { route: '/console/uplot.js', type: JAVASCRIPT, path: path.join(uplot, 'uPlot.esm.js') },
    ...scripts,
  ];
}

/**
 * The console: a page of files without secrets, so that it needs no token; what it shows it asks
 * the API for. Each file is read when it is asked for first.
 */
export function addConsole(app: FastifyInstance): void {
  const schema = { hide: true };
  app.get('/', { schema }, (_request, reply) => reply.redirect('/console'));
  app.get('/console/', { schema }, (_request, reply) => reply.redirect('/console'));
  for (const { route, type, path: file } of files()) {
    let text: Buffer | undefined;
    app.get(route, { schema }, (_request, reply) => {
      text ??= readFileSync(file);
      return reply.headers(HEADERS).type(type).send(text);
    });
  }
}
