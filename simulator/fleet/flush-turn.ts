// One write per client and turn of the event loop: who has something to flush enters here, and all are flushed
// together once the turn's other callbacks have run.

export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];
let spare: Flushable[] = [];

/** Enter once until `flush` is called. */
export function flushAtEndOfTurn(client: Flushable): void {
  if (waiting.length === 0) setImmediate(flushAll);
  waiting.push(client);
}

function flushAll(): void {
  const clients = waiting;
  waiting = spare;
  for (const client of clients) client.flush();
  clients.length = 0;
  spare = clients;
}
