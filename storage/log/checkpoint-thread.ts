// Copies the WAL into the database on a thread and a connection of its own, so that no commit - and so no PUBACK -
// waits for it. PASSIVE never blocks the writer. The writer itself does the short rest (storage-engine.ts), because the
// WAL starts over only when everything in it has been copied.

import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { stallReasonOf } from './space.ts';

const { file } = workerData as { file: string };
const port = parentPort;
if (port === null) throw new Error('checkpoint-thread runs as a worker only');

const db = new Database(file, { fileMustExist: true });
db.pragma('synchronous = FULL');

port.on('message', (message: 'checkpoint' | 'stop') => {
  if (message === 'stop') {
    db.close();
    port.close();
    return;
  }
  try {
    db.pragma('wal_checkpoint(PASSIVE)');
  } catch (error) {
    if (stallReasonOf(error) === undefined) throw error; // no room: the writer stalls, and asks again
  }
  port.postMessage('done');
});
