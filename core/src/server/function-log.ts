import type { Logger } from 'pino';
import type { FunctionHandle, RequestIds } from '../contracts/invocation';
import type { SledgeConfig } from '../config/schema';

const MS_PER_S = 1_000;
const REPORT_EVERY_MS = 1_000;
/** Of what one invocation wrote; the data plane has cut it before. */
const LINES_PER_CALL_MAX = 1_000;
const NEWLINE = 10;
/** Functions and tenants that are remembered. */
const SOURCES_MAX = 32_768;

type Limits = Pick<
  SledgeConfig['log'],
  'functionLinesPerSecond' | 'tenantLinesPerSecond' | 'functionLineBytes'
>;

/** Lines that may be written: those of a second at once, and then as the time goes. */
class Allowance {
  #left: number;
  #sinceMs: number;

  constructor(
    private readonly perSecond: number,
    nowMs: number,
  ) {
    this.#left = perSecond;
    this.#sinceMs = nowMs;
  }

  has(nowMs: number): boolean {
    if (this.perSecond === 0) return true;
    const gained = ((nowMs - this.#sinceMs) / MS_PER_S) * this.perSecond;
    this.#left = Math.min(this.perSecond, this.#left + gained);
    this.#sinceMs = nowMs;
    return this.#left >= 1;
  }

  take(): void {
    this.#left -= 1;
  }
}

interface Source {
  readonly tenant: string | undefined;
  readonly name: string | undefined;
  readonly allowance: Allowance;
  /** Lines that were not written since the last report. */
  dropped: number;
}

/**
 * What functions write to standard error, a line of the log for each of theirs, with their names
 * and those of the request. Bounded in lines per second, for each function and each tenant, and in
 * bytes of a line; what is dropped is counted, and told once a second. Main thread.
 */
export class FunctionLog {
  /** Lines that were never written. */
  dropped = 0;
  readonly #sources = new Map<string, Source>();
  readonly #tenants = new Map<string, Allowance>();
  #timer: NodeJS.Timeout | undefined;

  /** @param nowMs a monotonic clock. */
  constructor(
    private readonly logger: Logger,
    private readonly limits: Limits,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  write(fn: FunctionHandle | undefined, text: Uint8Array, ids?: RequestIds): void {
    const nowMs = this.nowMs();
    const source = this.#sourceOf(fn, nowMs);
    const ofTenant = this.#tenantOf(fn?.tenant ?? '', nowMs);
    const names = { tenant: fn?.tenant, function: fn?.name, ...idsOf(ids) };
    let lines = 0;
    for (const line of linesOf(text)) {
      lines += 1;
      const mayWrite = lines <= LINES_PER_CALL_MAX && source.allowance.has(nowMs);
      if (!mayWrite || !ofTenant.has(nowMs)) {
        this.#drop(source);
        continue;
      }
      source.allowance.take();
      ofTenant.take();
      this.logger.info(names, this.#shown(line));
    }
  }

  /** Tells what has been dropped since it was last told. */
  report(): void {
    for (const source of this.#sources.values()) {
      const { tenant, name, dropped } = source;
      if (dropped === 0) continue;
      source.dropped = 0;
      this.logger.warn({ tenant, function: name, dropped }, 'lines of a function were dropped');
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.report();
  }

  #drop(source: Source): void {
    this.dropped += 1;
    source.dropped += 1;
    this.#timer ??= setInterval(() => this.report(), REPORT_EVERY_MS).unref();
  }

  /** A line as the log shows it: no end of line or escape sequence of a function's own. */
  #shown(line: Uint8Array): string {
    const { functionLineBytes } = this.limits;
    const cut = line.length - functionLineBytes;
    const kept = cut > 0 ? line.subarray(0, functionLineBytes) : line;
    const text = Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength).toString('utf8');
    const safe = text.replace(/[\p{Cc}\u2028\u2029]/gu, escaped);
    return cut > 0 ? `${safe} (${cut} more bytes)` : safe;
  }

  /** Functions that are gone leave no more behind than there can be functions. */
  #sourceOf(fn: FunctionHandle | undefined, nowMs: number): Source {
    const key = fn === undefined ? '' : `${fn.tenant}\n${fn.name}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    if (this.#sources.size >= SOURCES_MAX) this.#forget();
    const allowance = new Allowance(this.limits.functionLinesPerSecond, nowMs);
    const source = { tenant: fn?.tenant, name: fn?.name, allowance, dropped: 0 };
    this.#sources.set(key, source);
    return source;
  }

  #forget(): void {
    this.report();
    this.#sources.clear();
  }

  #tenantOf(tenant: string, nowMs: number): Allowance {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    if (this.#tenants.size >= SOURCES_MAX) this.#tenants.clear();
    const allowance = new Allowance(this.limits.tenantLinesPerSecond, nowMs);
    this.#tenants.set(tenant, allowance);
    return allowance;
  }
}

function idsOf(ids: RequestIds | undefined): Partial<RequestIds> {
  return ids === undefined ? {} : { requestId: ids.requestId, traceId: ids.traceId };
}

/** Lines without their ends; the last one also when it has none. */
function* linesOf(text: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf(NEWLINE, start);
    const line = text.subarray(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
    if (line.length > 0) yield line;
  }
}

function escaped(control: string): string {
  if (control === '\t') return control;
  const code = control.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}
