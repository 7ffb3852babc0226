// What thousands of devices do at the same moment - lose their connections, connect again - is done a few milliseconds
// at a time: a generator that is busy with it for a second would be late with what the other devices have to send, and
// would take its own delay for the gateway's.

const BUDGET_MS = 1;
const waiting: (() => void)[] = [];

/** Soon, in order, when there is time; at the end of this turn of the event loop at the earliest. */
export function inTurn(task: () => void): void {
  waiting.push(task);
  if (waiting.length === 1) setImmediate(serve);
}

function serve(): void {
  const untilMs = performance.now() + BUDGET_MS;
  let served = 0;
  try {
    do waiting[served++]!();
    while (served < waiting.length && performance.now() < untilMs);
  } finally {
    waiting.splice(0, served);
    if (waiting.length > 0) setImmediate(serve);
  }
}
