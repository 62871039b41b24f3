import type { InvocationRequest } from '../contracts/invocation';
import { SledgeError } from '../errors/sledge-error';

/** Writes args and environ where the native part reads them, as NUL-terminated strings. */
export class Staging {
  private readonly buffer: Buffer;
  argvBytes = 0;
  environBytes = 0;
  environCount = 0;

  constructor(memory: ArrayBuffer) {
    this.buffer = Buffer.from(memory);
  }

  /** @throws SledgeError SLEDGE_ERR_INVOKE_PAYLOAD when they do not fit. */
  write(request: InvocationRequest): void {
    const { args, environ, encoding = 'utf8' } = request;
    const isBlock = 'text' in environ;
    this.environCount = isBlock ? environ.count : environ.length;
    if (args.length + this.environCount === 0) {
      this.argvBytes = 0;
      this.environBytes = 0;
      return;
    }
    const argvText = args.length === 0 ? '' : `${args.join('\0')}\0`;
    const listText = this.environCount === 0 ? '' : isBlock ? environ.text : joined(environ);
    this.argvBytes = this.put(argvText, 0, encoding);
    this.environBytes = this.put(listText, this.argvBytes, encoding);
  }

  private put(text: string, at: number, encoding: 'latin1' | 'utf8'): number {
    if (text.length === 0) return 0;
    const room = this.buffer.length - at;
    const fits =
      encoding === 'latin1' || text.length * 3 <= room
        ? text.length <= room
        : Buffer.byteLength(text) <= room;
    if (!fits) {
      throw new SledgeError('SLEDGE_ERR_INVOKE_PAYLOAD', { limitBytes: this.buffer.length });
    }
    return this.buffer.write(text, at, encoding);
  }
}

function joined(environ: readonly string[]): string {
  return `${environ.join('\0')}\0`;
}
