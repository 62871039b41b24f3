// docs/reference/metrics.md: every metric with its labels, from the table that they are made from.
import { createRequire } from 'node:module';

const SCOPES = {
  process: 'Of the process',
  tenant: 'Of a tenant',
  function: 'Of a function',
  worker: 'Of a worker',
  group: 'Of a worker group',
  transport: 'Of a transport',
  placement: 'Of a placement',
  peer: 'Of a node that a placement sends requests to',
};

export function metricsPage(root) {
  const require = createRequire(import.meta.url);
  const { METRICS, SCOPE_LABELS } = require(`${root}core/dist/metrics/table.js`);
  const sections = Object.entries(SCOPES).map(([scope, title]) => {
    const rows = METRICS.filter((metric) => metric.scope === scope).map(
      ({ name, type, label, help }) => {
        const labels = [...SCOPE_LABELS[scope], ...(label === undefined ? [] : [label])];
        const text = labels.map((one) => `\`${one}\``).join(', ');
        return `| \`${name}\` | ${type} | ${text} | ${help} |`;
      },
    );
    const head = '| metric | type | labels | meaning |\n| --- | --- | --- | --- |';
    return `## ${title}\n\n${head}\n${rows.join('\n')}\n`;
  });
  return `# Metrics

Generated from \`core/src/metrics/table.ts\` by \`npm run generate\`.

\`GET /metrics\` of the [admin API](admin.md) is Prometheus' text format, \`GET /metrics.json\` is
the same with quantiles, and \`sledge metrics\` a table of it for the only server of yours that
runs.

\`\`\`sh
npx sledge metrics
curl http://127.0.0.1:9090/metrics
\`\`\`

The counters of functions are kept by the native part: one block for each function that has been
called and each thread that submits (3.6 KiB), written by that thread alone, without locks and
without JavaScript, and read when somebody asks. A function that was never called has no samples.
The first 200 functions that are called (\`metrics.functions\`) have samples of their own and keep
them; those called later count together, by tenant, under \`function="_other"\`, which no function
can be called. So a scrape has some 150 lines for each of them and no more, however many functions
there are, and no counter goes back when another function is called; that of \`_other\` does when
a function of it is removed for good. The text is made in parts of some 0.5 ms, between which
requests get their turn.

Each tenant has gauges and counters of its own, which count functions that are gone too. Histograms
and outcomes of a tenant are the sums over its functions: \`sum by (tenant)
(sledge_requests_total)\`.

What waits is in one of two places: held by the dispatcher (\`sledge_dispatcher_held\`, of a
group), or in the run queue of a worker (\`sledge_worker_queue_length\`;
\`sledge_run_queue_length\` is their sum). A dispatcher with a global queue holds all, and a worker
then has what it was made to leave. Workers of sandbox v8 have no samples of their own.

Histograms count in buckets a quarter of a power of two wide, from 1.024 us to 68.7 s, and for
slowdowns from 1 to 67,108,864. The exposition has one bucket for each power of two; the quantiles
of JSON and CLI come from the fine ones and are at most a quarter too high. A sojourn time is that
of every request that was accepted and has ended; wait, service time and slowdown are those of
requests that have started. An outcome counts when it is fetched, just before it is answered.

${sections.join('\n')}`;
}
