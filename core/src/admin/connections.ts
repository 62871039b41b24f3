import type { Server, Socket } from 'node:net';

/**
 * Bounds the connections of one server so that who proves nothing keeps out nobody: when there are
 * too many, the oldest is cut of those without a proof, from the address that has most of them.
 * When all have proved who they are, a new one is closed. Main thread.
 */
export class Connections {
  /** Those without a proof, oldest first, by address and by port. */
  readonly #unproved = new Map<string, Map<number, Socket>>();
  #count = 0;

  constructor(
    server: Server,
    private readonly limit: number,
  ) {
    server.on('connection', (socket: Socket) => this.#add(socket));
  }

  /** Of this socket, or of the one that carries it with TLS: it stays. */
  hasProved({ remoteAddress = '', remotePort = 0 }: Socket): void {
    this.#forget(remoteAddress, remotePort);
  }

  #add(socket: Socket): void {
    const { remoteAddress = '', remotePort = 0 } = socket;
    if (this.#count >= this.limit && !this.#cutOne()) {
      socket.destroy();
      return;
    }
    this.#count += 1;
    socket.once('close', () => {
      this.#count -= 1;
      this.#forget(remoteAddress, remotePort);
    });
    if (remotePort === 0) return; // who opens a Unix socket has proved it
    const ofAddress = this.#unproved.get(remoteAddress) ?? new Map<number, Socket>();
    ofAddress.set(remotePort, socket);
    this.#unproved.set(remoteAddress, ofAddress);
  }

  #forget(address: string, port: number): void {
    const ofAddress = this.#unproved.get(address);
    ofAddress?.delete(port);
    if (ofAddress?.size === 0) this.#unproved.delete(address);
  }

  /** @returns false: all have proved who they are. */
  #cutOne(): boolean {
    let most: Map<number, Socket> | undefined;
    for (const one of this.#unproved.values()) if (one.size > (most?.size ?? 0)) most = one;
    const [oldest] = most ?? [];
    if (most === undefined || oldest === undefined) return false;
    const [port, socket] = oldest;
    most.delete(port);
    socket.destroy();
    return true;
  }
}
