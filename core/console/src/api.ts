const KEY = 'sledge.token';
const LIMIT_MS = 30_000;

/** The API has refused, or did not answer. */
export class ApiError extends Error {
  constructor(
    /** 0: it did not answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly solve: string,
  ) {
    super(message);
  }
}

interface Question {
  method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  file?: Blob;
}

interface Failure {
  error?: { code: string; message: string; solve: string };
}

export function hasToken(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

/** Kept for this tab alone, and only until it is closed. */
export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** Asks the admin API. @throws ApiError */
export async function ask<Answer>(path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', body, file } = question;
  const headers = new Headers();
  const token = sessionStorage.getItem(KEY);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  if (file !== undefined) headers.set('content-type', 'application/wasm');
  else if (body !== undefined) headers.set('content-type', 'application/json');
  const content = file ?? (body === undefined ? null : JSON.stringify(body));
  const signal = AbortSignal.timeout(LIMIT_MS);
  let answer: Response;
  let value: unknown;
  try {
    answer = await fetch(path, { method, headers, body: content, signal, cache: 'no-store' });
    value = await answer.json();
  } catch (error) {
    throw new ApiError(0, '', `The server does not answer: ${String(error)}`, '');
  }
  if (answer.ok) return value as Answer;
  const {
    code = '',
    message = `Status ${answer.status}`,
    solve = '',
  } = (value as Failure).error ?? {};
  throw new ApiError(answer.status, code, message, solve);
}

/** One line for people. */
export function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  return [error.code, error.message, error.solve].filter((text) => text !== '').join(' ');
}

/** Which routes this server has: `PUT /policies`, ... */
export async function routes(): Promise<ReadonlySet<string>> {
  const { paths } = await ask<{ paths: Record<string, object> }>('/openapi.json');
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  return new Set(all);
}
