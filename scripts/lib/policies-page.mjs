// docs/reference/policies.md: which dispatcher goes with which scheduler and preemption, from what
// the plugins themselves say they provide and need.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const MECHANISMS = ['safepoint', 'signal', 'timer', 'none'];
const KINDS = [
  ['dispatch-', 'dispatcher'],
  ['sched-', 'scheduler'],
  ['estimator-', 'estimator'],
  ['admission-', 'admission'],
  ['placement-', 'placement'],
  ['sandbox-', 'sandbox'],
  ['host-', 'host'],
];

const MEANINGS = {
  'deadline-order': 'requests of a worker run in order of their deadlines',
  'host-calls': 'functions may import from host plugins',
  estimates: 'how long a request will take is known beforehand',
  preemption:
    'what runs can be made to leave its worker (taken away by `preemption.mechanism: none`)',
  'preemptive-order': 'a waiting request may rank before the one that runs',
  'run-queues': 'requests wait on workers, where the scheduler orders them',
};

/** Every variant of every plugin of the kinds above, by the `sledge.variants` of its package. */
function variantsOf(root) {
  const require = createRequire(import.meta.url);
  return readdirSync(`${root}plugins`).flatMap((folder) => {
    const kind = KINDS.find(([prefix]) => folder.startsWith(prefix))?.[1];
    if (kind === undefined) return [];
    const manifest = JSON.parse(readFileSync(`${root}plugins/${folder}/package.json`, 'utf8'));
    const plugin = require(`${root}plugins/${folder}/dist/index.js`).default;
    return (manifest.sledge?.variants ?? [{}]).map((given) => {
      const parsed = plugin.options.safeParse(given);
      const options = parsed.success ? parsed.data : {};
      const names = (list) => (typeof list === 'function' ? list(options) : (list ?? []));
      const title = [folder.slice(folder.indexOf('-') + 1), ...settingsOf(given)].join(' ');
      return { kind, title, options, provides: names(plugin.provides), needs: names(plugin.needs) };
    });
  });
}

function settingsOf(given) {
  return Object.entries(given)
    .filter(([, value]) => !Array.isArray(value))
    .map(([name, value]) => (value === true ? name : `${name}: ${value}`));
}

/** What is missing, by mechanism. */
function missing(dispatcher, scheduler, mechanism) {
  const provided = new Set([...dispatcher.provides, ...scheduler.provides, 'estimates']);
  if (mechanism !== 'none') provided.add('preemption');
  const needs = [...dispatcher.needs, ...scheduler.needs];
  return [...new Set(needs.filter((need) => !provided.has(need)))];
}

function cell(dispatcher, scheduler) {
  const perMechanism = MECHANISMS.map((mechanism) => missing(dispatcher, scheduler, mechanism));
  const [some = []] = perMechanism;
  if (some.length > 0) return `needs ${some.join(', ')}`;
  return perMechanism.at(-1)?.length === 0 ? 'all' : 'all but `none`';
}

const row = (cells) => `| ${cells.join(' | ')} |`;

function table(head, rows) {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function capabilityRows(variants) {
  const titles = (which, name) =>
    [...new Set(variants.filter((v) => v[which].includes(name)).map((v) => v.title))].join('; ');
  return Object.entries(MEANINGS).map(([name, meaning]) => [
    `\`${name}\``,
    meaning,
    titles('provides', name),
    titles('needs', name),
  ]);
}

function placementRows(variants) {
  return variants.map(({ title, options }) => [
    title,
    Object.entries(options)
      .map(([name, value]) => `\`${name}: ${value}\``)
      .join(', '),
  ]);
}

export function policiesPage(root) {
  const variants = variantsOf(root);
  const of = (kind) => variants.filter((variant) => variant.kind === kind);
  const schedulers = of('scheduler');
  const rows = of('dispatcher').map((dispatcher) => [
    dispatcher.title,
    ...schedulers.map((scheduler) => cell(dispatcher, scheduler)),
  ]);
  return `# Policies that go together

Generated from the plugins (their \`provides\` and \`needs\`, and \`sledge.variants\` of their
package.json) by \`npm run generate\`. A configuration is refused at load when a capability is
missing, with what would provide it (SLEDGE_ERR_PLUGIN_CAPABILITY).

## Dispatchers and schedulers

With \`sandbox-awsm\` and an estimator. A cell says under which \`preemption.mechanism\` (safepoint,
signal, timer, none) the two work as named: all, or all but \`none\`; or what is missing under each.
With \`sandbox-v8\`, whose functions cannot be preempted, each is as under \`none\`.

${table(['', ...schedulers.map(({ title }) => title)], rows)}

## Placements

Which node of a cluster runs a request ([guide](../guides/placement.md)); each goes with all of the
above.

${table(['placement', 'options and their defaults'], placementRows(of('placement')))}

## Capabilities

${table(['capability', 'meaning', 'provided by', 'needed by'], capabilityRows(variants))}

Plugins of your own provide and need capabilities by the same two lists; the names are free.
`;
}
