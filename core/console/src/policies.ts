import { ask, problemText } from './api.js';
import { byId, field, fillSelect, fillTable, make, onSubmit } from './dom.js';
import type { GroupPolicies, Policies } from './report.js';

interface Installed {
  kind: string;
  name: string;
}

/** Which policies decide, and another one from now on. */
export class PolicyPanel {
  private readonly kind = make('select');
  private readonly name = make('input', { required: true, maxLength: 1024, autocomplete: 'off' });
  private readonly options = make('input', { maxLength: 8192, autocomplete: 'off' });
  private readonly group = make('select');
  private readonly button = make('button', { type: 'submit' }, 'Exchange');
  private readonly said = make('p', { role: 'status' });
  private readonly suggestions = make('datalist', { id: 'policy-names' });
  private installed: Installed[] = [];

  /** @param onChanged called with what decides from now on */
  constructor(private readonly onChanged: (what: string) => void) {
    const form = byId<HTMLFormElement>('policy-form');
    this.name.setAttribute('list', 'policy-names');
    this.options.placeholder = '{"quantumUs": 1000}';
    form.append(
      field('Kind', this.kind, 'policy-kind'),
      field('Policy', this.name, 'policy-name'),
      field('Options, as JSON', this.options, 'policy-options'),
      field('Worker group', this.group, 'policy-group'),
      this.button,
      this.said,
      this.suggestions,
    );
    fillSelect(this.kind, ['dispatcher', 'scheduler', 'estimator', 'admission']);
    this.kind.addEventListener('change', () => this.suggest());
    onSubmit(form, this.said, () => this.change(), problemText);
  }

  async load(mayChange: boolean): Promise<void> {
    for (const control of [this.kind, this.name, this.options, this.group, this.button]) {
      control.disabled = !mayChange;
    }
    if (!mayChange) this.said.textContent = 'Your role may look, not change.';
    this.installed = await ask<Installed[]>('/policies/installed');
    this.suggest();
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this.show(await ask<Policies>('/policies'));
  }

  private suggest(): void {
    const names = this.installed.filter(({ kind }) => kind === this.kind.value);
    this.suggestions.replaceChildren(...names.map(({ name }) => make('option', { value: name })));
  }

  private async change(): Promise<string> {
    const [kind, name] = [this.kind.value, this.name.value.trim()];
    const text = this.options.value.trim();
    const choice = text === '' ? name : [name, JSON.parse(text) as unknown];
    const named = this.group.value === '' ? {} : { group: this.group.value };
    const body = { kind, choice, ...named };
    this.show(await ask<Policies>('/policies', { method: 'PUT', body }));
    this.onChanged(name);
    return `${kind} ${name} decides from now on.`;
  }

  private show({ groups }: Policies): void {
    fillSelect(
      this.group,
      groups.map(({ group = '' }) => group),
    );
    (this.group.parentElement as HTMLElement).hidden = groups.length < 2;
    const rows = groups.flatMap((group) => [rowOf(group, 'dispatcher'), rowOf(group, 'scheduler')]);
    const head = ['Kind', 'Group', 'Policy', 'Form', 'Options', 'Ejected'];
    const caption = 'What decides now.';
    fillTable(byId<HTMLTableElement>('policy-table'), caption, head, rows);
  }
}

function rowOf(group: GroupPolicies, kind: 'dispatcher' | 'scheduler') {
  const { name, form, options } = group[kind];
  const last = group.ejections.at(-1);
  const ejected = last === undefined ? '' : `${last.policy}: ${last.reason}`;
  const texts = [kind, group.group ?? '', name, form, JSON.stringify(options ?? {}), ejected];
  return texts.map((text) => ({ text, isText: true }));
}
