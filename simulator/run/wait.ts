// A wait that can be cut short.

/** True after `ms`, false at once when `signal` is or gets aborted. Infinite: only the signal ends it. */
export function wait(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(() => done(true), ms) : undefined;
    const onAbort = () => done(false);
    const done = (isOver: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(isOver);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
