// Lines to a stream at the speed at which the stream takes them: collected into chunks, and told when they have left
// this process. A reader that went away (EPIPE) is not a fault of whoever writes: it is asked about with `closed`.

import type { Writable } from 'node:stream';

const CHUNK_CHARACTERS = 64 * 1024;

export class LineOutput {
  readonly #stream: Writable;
  #text = '';
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** The stream takes nothing any more. */
  get closed(): boolean {
    return this.#closed || this.#stream.destroyed || this.#stream.writableEnded;
  }

  /** Resolves when there is room for more; undefined when there already is. */
  write(line: string): Promise<void> | undefined {
    this.#text += `${line}\n`;
    return this.#text.length < CHUNK_CHARACTERS ? undefined : this.flush();
  }

  /** Resolves when everything written so far has been handed to the operating system, or never can be. */
  flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text === '' || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.write(text, (error) => {
        if (error) this.#closed = true;
        resolve();
      });
    });
  }
}
