// A wait that can be cut short.

/**
 * True after `ms` and not a moment before, at once when that is 0 or over already; false at once when `signal` is or
 * gets aborted. Infinite: only the signal ends it.
 */
export function wait(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted || ms <= 0) return Promise.resolve(!signal.aborted);
  const endMs = performance.now() + ms;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const look = (): void => {
      const leftMs = endMs - performance.now(); // a timer may come some ms early: it counts from the last turn
      if (leftMs <= 0) done(true);
      else timer = setTimeout(look, leftMs);
    };
    const onAbort = () => done(false);
    const done = (isOver: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(isOver);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (Number.isFinite(ms)) look();
  });
}
