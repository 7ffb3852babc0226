// Counts on a thread and a connection of its own what the log held at the start (share-count.ts), so that no commit
// waits for it; lives until everything is counted. Rests after every slice for as long as that took.

import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { OwnerKeys } from './owner-keys.ts';
import { type CountRequest, ShareCount } from './share-count.ts';

const { file, secret } = workerData as { file: string; secret: string };
const port = parentPort;
if (port === null) throw new Error('share-count-thread runs as a worker only');

const db = new Database(file, { readonly: true });
db.pragma('mmap_size = 0');
const count = new ShareCount(db, new OwnerKeys(secret));
let restUntilMs = 0;
let rest: NodeJS.Timeout | undefined;

port.on('message', (message: CountRequest | 'stop') => {
  if (message === 'stop') {
    clearTimeout(rest);
    db.close();
    port.close();
    return;
  }
  rest = setTimeout(() => answer(message), Math.max(0, restUntilMs - performance.now()));
});

function answer(request: CountRequest): void {
  const startedMs = performance.now();
  const counted = count.slice(request);
  restUntilMs = 2 * performance.now() - startedMs;
  port?.postMessage(counted);
}
