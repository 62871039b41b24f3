import { ask, problemText } from './api.js';
import { byId, field, make, onSubmit, setText } from './dom.js';
import { count, time } from './format.js';
import type { Called } from './report.js';

/** The form that calls a function. */
export class CallPanel {
  private readonly name = make('input', { required: true, maxLength: 256, autocomplete: 'off' });
  private readonly args = make('input', { maxLength: 4096, autocomplete: 'off' });
  private readonly input = make('textarea', { rows: 2, maxLength: 49_152 });
  private readonly button = make('button', { type: 'submit' }, 'Call');
  private readonly said = make('p', { role: 'status' });
  private readonly output = make('pre', { hidden: true, tabIndex: 0 });
  private readonly names = make('datalist', { id: 'function-names' });

  constructor() {
    const form = byId<HTMLFormElement>('call-form');
    this.name.setAttribute('list', 'function-names');
    this.output.setAttribute('aria-label', 'What the function printed');
    form.append(
      field('Function', this.name, 'call-function'),
      field('Arguments, by blanks', this.args, 'call-args'),
      field('Standard input', this.input, 'call-input'),
      this.button,
      this.said,
      this.output,
      this.names,
    );
    onSubmit(form, this.said, () => this.call(), problemText);
  }

  allow(mayCall: boolean): void {
    for (const control of [this.name, this.args, this.input, this.button]) {
      control.disabled = !mayCall;
    }
    if (!mayCall) setText(this.said, 'Your role may look, not call.');
  }

  suggest(names: readonly string[]): void {
    if (this.names.children.length === names.length) return;
    this.names.replaceChildren(...names.map((name) => make('option', { value: name })));
  }

  private async call(): Promise<string> {
    this.output.hidden = true;
    const args = this.args.value.split(/\s+/).filter((arg) => arg !== '');
    const body = { function: this.name.value.trim(), args, input: this.input.value };
    const called = await ask<Called>('/invocations', { method: 'POST', body });
    setText(this.output, called.output);
    this.output.hidden = called.output === '';
    const { totalUs, queueUs, runUs, outputBytes, error } = called;
    const times = `${time(totalUs)}: ${time(queueUs)} waiting, ${time(runUs)} running`;
    const why = error === undefined ? '' : ` ${error.code} ${error.message}`;
    return `${called.status} in ${times}; ${count(outputBytes)} bytes.${why}`;
  }
}
