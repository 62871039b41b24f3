/** Elements are made here and nowhere else, and text is always text: what functions, tenants and
 * policies are called, and what they print, is foreign. */

type Content = string | Node;

/** The element of this id, which the page has. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as Kind;
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...content: Content[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...content);
  return element;
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A labelled control. */
export function field(label: string, control: HTMLElement, id: string): HTMLElement {
  control.id = id;
  return make('div', { className: 'field' }, make('label', { htmlFor: id }, label), control);
}

export interface Cell {
  text: string;
  isText?: boolean;
  isBad?: boolean;
}

/**
 * Head and rows of a table; cells are changed in place, so that a selection in it stays. The first
 * cell of a row is its head.
 */
export function fillTable(
  table: HTMLTableElement,
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): void {
  if (table.tHead === null) {
    table.append(make('caption', { className: 'soft' }, caption));
    const titles = head.map((title, at) => {
      const isText = rows[0]?.[at]?.isText ?? at === 0;
      return make('th', { scope: 'col', className: isText ? 'text' : '' }, title);
    });
    table.append(make('thead', {}, make('tr', {}, ...titles)), make('tbody'));
  }
  const body = table.tBodies[0] as HTMLTableSectionElement;
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, at) => fillRow(body.rows[at] ?? body.insertRow(), cells));
}

function fillRow(row: HTMLTableRowElement, cells: readonly Cell[]): void {
  cells.forEach(({ text, isText = false, isBad = false }, at) => {
    const cell =
      row.cells[at] ??
      row.appendChild(at === 0 ? make('th', { scope: 'row' }) : document.createElement('td'));
    const className = [isText ? 'text' : '', isBad ? 'bad' : ''].join(' ').trim();
    if (cell.className !== className) cell.className = className;
    setText(cell, text);
  });
}

/** Options of a select; the chosen one stays chosen. */
export function fillSelect(select: HTMLSelectElement, names: readonly string[]): void {
  const before = [...select.options].map(({ value }) => value);
  if (before.length === names.length && before.every((name, at) => name === names[at])) return;
  const { value } = select;
  select.replaceChildren(...names.map((name) => make('option', { value: name }, name)));
  if (names.includes(value)) select.value = value;
}

/** Runs what a form does, once at a time, and says how it went. */
export function onSubmit(
  form: HTMLFormElement,
  said: HTMLElement,
  run: () => Promise<string>,
  problem: (error: unknown) => string,
): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    if (button === null || button.disabled) return;
    button.disabled = true;
    said.className = '';
    setText(said, '...');
    void run()
      .then((text) => setText(said, text))
      .catch((error: unknown) => {
        said.className = 'bad';
        setText(said, problem(error));
      })
      .finally(() => (button.disabled = false));
  });
}
