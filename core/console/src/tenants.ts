import { ask } from './api.js';
import { byId, fillTable } from './dom.js';
import type { Cell } from './dom.js';

const COLUMNS_MAX = 16;
const ROWS_MAX = 256;

type Fields = Readonly<Record<string, unknown>>;

/** Tenants with what they may use and have used, as the server tells it. */
export async function showTenants(): Promise<void> {
  const answer = await ask<unknown>('/tenants');
  const tenants = listOf(answer).slice(0, ROWS_MAX).map(flat);
  const names = new Set(tenants.flatMap((tenant) => [...tenant.keys()]));
  names.delete('name');
  const columns = ['name', ...names].slice(0, COLUMNS_MAX);
  const rows = tenants.map((tenant) =>
    columns.map((column, at): Cell => ({ text: tenant.get(column) ?? '', isText: at === 0 })),
  );
  const table = byId<HTMLTableElement>('tenant-table');
  // a tenant may have brought a column of its own
  if (table.tHead?.rows[0]?.cells.length !== columns.length) table.replaceChildren();
  fillTable(table, 'What each may use; 0 is no limit.', columns, rows);
}

function listOf(answer: unknown): Fields[] {
  if (Array.isArray(answer)) return answer as Fields[];
  const inner = Object.values(answer as Fields).find((value) => Array.isArray(value));
  return (inner ?? []) as Fields[];
}

/** `limits.memoryBytes` for what is nested; lists are counted. */
function flat(fields: Fields): Map<string, string> {
  const all = new Map<string, string>();
  const add = (prefix: string, of: Fields): void => {
    for (const [name, value] of Object.entries(of)) {
      if (Array.isArray(value)) all.set(prefix + name, String(value.length));
      else if (typeof value === 'object' && value !== null) {
        add(`${prefix}${name}.`, value as Fields);
      } else if (value !== null && value !== undefined) all.set(prefix + name, textOf(value));
    }
  };
  add('', fields);
  return all;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
