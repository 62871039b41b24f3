import type { MsgHdrs } from '@nats-io/transport-node';
import { HEADERS } from '@sledge/nats-connection';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** What a request is called by whoever may take it back; undefined: nobody will. */
export function cancelIdOf(head: MsgHdrs | undefined): string | undefined {
  const name = head?.get(HEADERS.cancelId) ?? '';
  return NAME.test(name) ? name : undefined;
}

/** Requests under way that their callers may take back. No more than are in flight. */
export class Cancellable {
  readonly #ids = new Map<string, number>();

  /** A name that is taken stays with the first. @param id of the invoker. */
  add(name: string | undefined, id: number): void {
    if (name !== undefined && !this.#ids.has(name)) this.#ids.set(name, id);
  }

  /** It has ended. */
  forget(name: string | undefined, id: number): void {
    if (name !== undefined && this.#ids.get(name) === id) this.#ids.delete(name);
  }

  /** Taken back once. @returns its id of the invoker; undefined: there is none, or it has ended. */
  take(name: string): number | undefined {
    const id = this.#ids.get(name);
    this.#ids.delete(name);
    return id;
  }
}
