import { ERROR_CATALOGUE, type ErrorCode } from './catalogue';

export type ErrorDetails = Readonly<Record<string, string | number>>;

/** Every error that Sledge reports. `code` is a row of the catalogue. */
export class SledgeError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(formatMessage(ERROR_CATALOGUE[code].message, details), options);
    this.name = 'SledgeError';
    this.code = code;
    this.details = details;
  }

  get httpStatus(): number {
    return ERROR_CATALOGUE[this.code].http;
  }

  get solve(): string {
    return formatMessage(ERROR_CATALOGUE[this.code].solve, this.details);
  }
}

/** A detail that ends a sentence by itself, as a question does, takes the full stop's place. */
function formatMessage(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}(\.?)/g, (_, name: string, stop: string) => {
    const text = String(details[name] ?? `{${name}}`);
    return /[.?!]$/.test(text) ? text : text + stop;
  });
}
