// The sockets of a transport, and word of when the last of them is closed.

import type { Socket } from 'node:net';

export class OpenSockets {
  readonly #sockets = new Set<Socket>();
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty?.();
    });
  }

  /** Resolves when there is none; one caller at a time. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#sockets.size === 0) resolve();
    });
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
