// Waiting for what another process does: asks again and again until it is so. For tests that have nobody to
// tell them.

const INTERVAL_MS = 20;

export interface WaitOptions {
  timeoutMs?: number;
  /** For the message when it never comes. */
  what: string | (() => string);
}

export async function waitFor(
  isSo: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, what }: WaitOptions,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) {
      throw new Error(`waited ${timeoutMs} ms in vain: ${typeof what === 'string' ? what : what()}`);
    }
    await pause(INTERVAL_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
