// The one error class. Expected outcomes are return values; what is thrown is a fault, and says what a person
// or the caller can do about it: `kind` decides retry, `hint` is printed to the operator after the message.

export type ErrorKind = 'transient' | 'permanent' | 'fatal';

export interface SluiceErrorOptions {
  kind: ErrorKind;
  /** What the operator can do, one sentence, no trailing newline. */
  hint?: string;
  cause?: unknown;
}

export class SluiceError extends Error {
  /** Stable machine-readable name, SCREAMING_SNAKE, e.g. `PORT_TAKEN`. */
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: SluiceErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.kind = options.kind;
    this.hint = options.hint;
  }
}

/** The message of anything that was thrown, for logs and for wrapping. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
