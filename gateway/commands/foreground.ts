// A command in the foreground of a terminal or a pipe: signals, a reader of standard output that goes away, the exit
// code, and how a fault is told (one line and a hint, no stack). The command itself is a function of an AbortSignal.

import { messageOf, SluiceError } from '../../config/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** What a shell reports for a process that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

/** Why the signal of a command was aborted: a person or a supervisor, or nobody reads the output any more. */
export type AbortReason = 'interrupted' | 'output-closed';

/**
 * Runs `work` and sets the exit code to what it resolves to, or to 1 with a line on stderr when it throws. The first
 * SIGINT or SIGTERM aborts the signal given to it, and so does a closed standard output; a second one exits at once.
 */
export async function runInForeground(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const abort = new AbortController();
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(EXIT_INTERRUPTED);
    abort.abort('interrupted' satisfies AbortReason);
  };
  // EPIPE (`| head`) is the reader's way to say "enough"; after any other error nobody can read us either.
  const onOutputError = (): void => abort.abort('output-closed' satisfies AbortReason);
  for (const name of SIGNALS) process.on(name, onSignal);
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  try {
    process.exitCode = await work(abort.signal);
  } catch (error) {
    process.stderr.write(`${faultLine(error)}\n`);
    process.exitCode = 1;
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** For a command that was cut short and has no result of its own to tell. */
export function exitCodeOf(signal: AbortSignal): number {
  return signal.reason === ('output-closed' satisfies AbortReason) ? 0 : EXIT_INTERRUPTED;
}

/** `sluice: what happened. What to do` */
export function faultLine(error: unknown): string {
  const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
  const hint = error instanceof SluiceError && error.hint !== undefined ? `. ${error.hint}` : '';
  return `sluice: ${message}${hint}`;
}
