import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { SledgeError } from '@sledge/core';
import { perfColumns, reasonOf } from '@sledge/core/host';
import { parse } from 'csv-parse/sync';

/** SLEdgeScale's sandbox log: header with commas, rows with blanks or commas; times in us. */
export const SANDBOX_LOG_COLUMNS = perfColumns('sledgescale').map(({ name }) => name);

const NEEDED = ['SLO', 'total', 'execution'];

/** What an analysis needs of a row. */
export interface LogRow {
  /** `tenant/function` where the log says it, else the request type. */
  readonly type: string;
  readonly isMiss: boolean;
  readonly totalUs: number;
  readonly executionUs: number;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The rows of a perf log, ours or SLEdgeScale's, CSV or NDJSON, line by line; undefined: a line
 * that is none. @throws SledgeError SLEDGE_ERR_PERF_LOG_READ
 */
export async function* logRows(path: string): AsyncGenerator<LogRow | undefined> {
  const reader = new LineReader(path);
  const stream = createReadStream(path);
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      if (line.trim() === '' || reader.takesHeader(line)) continue;
      yield reader.row(line);
    }
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    throw logError(path, reasonOf(error));
  } finally {
    stream.destroy();
  }
}

/** Knows the columns that the last header has named. */
class LineReader {
  private columns: readonly string[] = SANDBOX_LOG_COLUMNS;

  constructor(private readonly path: string) {}

  /** True for a header, which then holds for what follows. */
  takesHeader(line: string): boolean {
    if (line.startsWith('{')) return false;
    const names = line.trim().split(',');
    if (!names.some((name) => NEEDED.includes(name))) return false;
    const missing = NEEDED.filter((name) => !names.includes(name));
    if (missing.length > 0) throw logError(this.path, `it has no column ${missing.join(', ')}`);
    this.columns = names;
    return true;
  }

  row(line: string): LogRow | undefined {
    const fields = line.startsWith('{') ? parsedJson(line) : this.fields(line);
    return fields === undefined ? undefined : rowOf(fields);
  }

  private fields(line: string): Fields | undefined {
    const values = valuesOf(line.trim());
    if (values.length !== this.columns.length) return undefined;
    return Object.fromEntries(this.columns.map((name, at) => [name, values[at]]));
  }
}

function valuesOf(line: string): readonly string[] {
  if (!line.includes(',')) return line.split(/\s+/);
  if (!line.includes('"')) return line.split(',').map((value) => value.trim());
  try {
    const rows: string[][] = parse(line);
    return rows[0] ?? [];
  } catch {
    return [];
  }
}

function parsedJson(line: string): Fields | undefined {
  try {
    return JSON.parse(line) as Fields;
  } catch {
    return undefined;
  }
}

function rowOf(fields: Fields): LogRow | undefined {
  const { SLO: slo, total, execution, rtype, tenant, function: name } = fields;
  const [totalUs, executionUs] = [Number(total), Number(execution)];
  if ((slo !== 'miss' && slo !== 'meet') || !(totalUs >= 0) || !(executionUs >= 0)) {
    return undefined;
  }
  const type = name === undefined ? textOf(rtype) : `${textOf(tenant)}/${textOf(name)}`;
  return { type, isMiss: slo === 'miss', totalUs, executionUs };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function logError(path: string, reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_PERF_LOG_READ', { path, reason });
}
