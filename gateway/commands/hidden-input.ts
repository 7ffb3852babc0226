// Asks for what must not be seen: on a terminal, without echo, as raw keys. Understands what people press to correct
// themselves, and hands the terminal back as it was.

import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { SluiceError } from '../../config/errors.ts';

const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE_ALL = '\u0015';
const ERASE = ['\u007f', '\b'];
/** Arrow keys and the like. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const SEQUENCE = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O.|.)/s;

interface Waiting {
  resolve: (text: string) => void;
  reject: (error: Error) => void;
}

export class HiddenInput implements Disposable {
  readonly #input: ReadStream;
  readonly #prompts: { write(text: string): unknown };
  readonly #decoder = new StringDecoder('utf8');
  /** Keys that came before they were asked for: a paste of several lines. */
  #keys = '';
  #text = '';
  #waiting: Waiting | undefined;

  readonly #signal: AbortSignal;

  /** Takes the terminal until it is disposed of; `signal` is the end of all questions. */
  constructor(input: ReadStream, prompts: { write(text: string): unknown }, signal: AbortSignal) {
    this.#input = input;
    this.#prompts = prompts;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onEnd);
    input.setRawMode(true);
    input.on('data', this.#onData);
    input.on('end', this.#onEnd);
    input.resume();
  }

  /** Resolves to the line without its end. Rejects with NO_INPUT when there is none. */
  ask(prompt: string): Promise<string> {
    this.#prompts.write(prompt);
    this.#text = '';
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#take();
    });
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onEnd);
    this.#input.off('data', this.#onData);
    this.#input.off('end', this.#onEnd);
    this.#input.setRawMode(false);
    this.#input.pause();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#keys += this.#decoder.write(bytes);
    this.#take();
  };

  readonly #onEnd = (): void => this.#settle(({ reject }) => reject(noInput()));

  #take(): void {
    while (this.#waiting !== undefined && this.#keys !== '') {
      const key = SEQUENCE.exec(this.#keys)?.[0] ?? String.fromCodePoint(this.#keys.codePointAt(0)!);
      this.#keys = this.#keys.slice(key.length);
      this.#press(key);
    }
  }

  #press(key: string): void {
    if (key === '\r' || key === '\n') this.#settle(({ resolve }) => resolve(this.#text));
    else if (key === INTERRUPT || (key === END && this.#text === ''))
      this.#settle(({ reject }) => reject(noInput()));
    else if (key === ERASE_ALL) this.#text = '';
    else if (ERASE.includes(key)) this.#text = [...this.#text].slice(0, -1).join('');
    else if (key >= ' ') this.#text += key;
  }

  #settle(settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#prompts.write('\n');
    settle(waiting);
  }
}

function noInput(): SluiceError {
  return new SluiceError('NO_INPUT', 'no password was entered; nothing was changed', { kind: 'permanent' });
}
