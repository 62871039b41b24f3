import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CompareDocument } from '../compare/document';
import { chartsOf } from './charts';
import { pageScript } from './page-script';
import { PAGE_STYLE } from './page-style';

/**
 * The whole comparison as one HTML page that needs nothing else: uPlot, style and data are in it.
 */
export function htmlReport(document: CompareDocument): string {
  const folder = path.dirname(require.resolve('uplot'));
  const library = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  const charts = chartsOf(document);
  // A closing tag inside a script would end it.
  const data = JSON.stringify(charts).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(titleOf(document))}</title>
<link rel="icon" href="data:,">
<style>${library('uPlot.min.css')}${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(titleOf(document))}</h1>
<p class="lead">${escaped(leadOf(document))}</p>
${labelsOf(document)}
<h2>What can be said</h2>
${verdictTable(document)}
<div id="charts"></div>
<h2>The machine</h2>
${factTable(document.machine)}
<h2>The configuration</h2>
<details open><summary>with its defaults filled in</summary>
<pre>${escaped(JSON.stringify(document.config, undefined, 2))}</pre></details>
<h2>To repeat it</h2>
<pre id="command">${escaped(document.command)}</pre>
</main>
<script>${library('uPlot.iife.min.js')}</script>
<script>const CHARTS=${data};${pageScript}</script>
</body>
</html>
`;
}

export function escaped(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => named[character] ?? character);
}

function titleOf({ variants }: CompareDocument): string {
  return variants.map(({ name }) => name).join(' beside ');
}

function leadOf({ config, engine, runs, confidence, startedAt }: CompareDocument): string {
  const { workers } = config as { workers?: number };
  const workloads = [...new Set(runs.map(({ workload }) => workload))];
  const how = {
    live: 'on the live runtime',
    remote: 'on remote servers',
    simulated: 'in virtual time',
  };
  return (
    `Workload ${workloads.join(', ')}, ${workers ?? '?'} workers, ${how[engine]}; ` +
    `${runs.length} runs, the variants turn about; medians with intervals of ` +
    `${(confidence * 100).toFixed(0)} %.${startedAt === undefined ? '' : ` ${startedAt}.`}`
  );
}

function labelsOf({ labels, runs }: CompareDocument): string {
  const doubtful = runs.filter(({ doubts }) => doubts.length > 0);
  const [first] = doubtful;
  const all = [...labels];
  if (first !== undefined) {
    const which = `${doubtful.length} of ${runs.length} runs are doubtful`;
    all.push(`${which}, such as: ${first.doubts.join('; ')}`);
  }
  if (all.length === 0) return '';
  return `<ul class="labels">${all.map((text) => `<li>${escaped(text)}</li>`).join('')}</ul>`;
}

const SHOWN = /^(slowdown\.(p50|p99|p999)|missRate|goodputRps)$/;

function verdictTable({ comparisons }: CompareDocument): string {
  if (comparisons.length === 0) return '<p>One variant: nothing to compare.</p>';
  const rows = comparisons
    .filter(({ metric }) => SHOWN.test(metric))
    .map(({ workload, a, b, load, metric, kind, change, verdict }) => {
      const is = ['within noise', 'too few runs'].includes(verdict) ? 'noise' : 'clear';
      const cells = [workload, load, metric, `${b} : ${a}`, changeText(change, kind), verdict];
      const inner = cells.map((one) => `<td>${escaped(String(one))}</td>`).join('');
      return `<tr class="${is}">${inner}</tr>`;
    });
  const body = rows.join('\n');
  return `<div class="wide"><table><thead><tr><th>workload</th>
<th>load</th><th>metric</th><th>beside</th>
<th>change [interval]</th><th>verdict</th></tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A ratio, or a difference in percentage points, with its interval. */
export function changeText(
  { estimate, low, high }: { estimate: number; low: number; high: number },
  kind: 'ratio' | 'difference',
): string {
  const isRatio = kind === 'ratio';
  const text = (value: number): string => {
    if (Math.abs(value) >= 1e308) return value > 0 ? 'inf' : '-inf';
    return isRatio ? value.toPrecision(3) : (value * 100).toFixed(2);
  };
  return `${text(estimate)}${isRatio ? 'x' : ' pp'} [${text(low)}, ${text(high)}]`;
}

function factTable(facts: CompareDocument['machine']): string {
  const rows = Object.entries(facts).map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(String(value))}</td></tr>`,
  );
  return `<div class="wide"><table class="facts">${rows.join('\n')}</table></div>`;
}
