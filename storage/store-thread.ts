// The storage thread: wires the engine to its ports. A fault here is told to the main thread, which stops the process
// in order; what was acknowledged is on disk already.

import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { messageOf, SluiceError } from '../config/errors.ts';
import { siblingThread } from '../config/sibling-thread.ts';
import type { Advance } from './log/log-port.ts';
import { lockDirectory } from './open/directory-lock.ts';
import { DATABASE_FILE, openDatabase } from './open/open-database.ts';
import { gatewayIdOf } from './open/gateway-id.ts';
import { StorageEngine } from './storage-engine.ts';
import type { FromStore, StoreOptions, ToStore } from './store-messages.ts';
import { join } from 'node:path';

const TICK_MS = 200;
const STALLED_TICK_MS = 25;
const CACHE_BYTES = 8 * 1024 * 1024;

const options = workerData as StoreOptions;
const main = parentPort as MessagePort;
const tell = (message: FromStore, transfer: ArrayBuffer[] = []): void => main.postMessage(message, transfer);

try {
  run();
} catch (error) {
  fault(error);
}

function run(): void {
  const lock = lockDirectory(options.directory);
  const file = join(options.directory, DATABASE_FILE);
  const { db, report } = openDatabase(options.directory, { synchronous: options.synchronous, cacheBytes: CACHE_BYTES });
  const gatewayId = gatewayIdOf(db, options.gatewayId);
  const checkpointer = new Worker(siblingThread(import.meta.url, './log/checkpoint-thread'), {
    workerData: { file },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  let bridge: MessagePort | null = null;
  let stalled = false;
  let commitStartedMs = 0;

  const engine = new StorageEngine(
    db,
    { ...options, gatewayId, file, bytesMax: options.bufferBytesMax },
    {
      committed(request, stored) {
        const buffers = request.batches.map((batch) => batch.buffer);
        tell({ kind: 'committed', buffers, ...stored, commitMs: performance.now() - commitStartedMs }, buffers);
      },
      appended: (lane, nextOffset) => bridge?.postMessage({ kind: 'appended', lane, nextOffset }),
      stalled(reason, detail) {
        stalled = true;
        tell({ kind: 'stalled', reason, detail });
        schedule();
      },
      resumed() {
        stalled = false;
        tell({ kind: 'resumed' });
      },
      checkpointWanted: () => checkpointer.postMessage('checkpoint'),
    },
  );

  const guarded = (body: () => void): void => {
    try {
      body();
    } catch (error) {
      fault(error);
    }
  };
  let timer: NodeJS.Timeout;
  function schedule(): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      guarded(() => engine.tick(Date.now()));
      schedule();
    }, stalled ? STALLED_TICK_MS : TICK_MS);
  }

  checkpointer.on('message', () => guarded(() => engine.checkpointed()));
  checkpointer.on('error', fault);
  const status = () => ({ lanes: engine.lanes, books: engine.books(), usedBytes: engine.usedBytes() });
  const onMessage = (message: ToStore): void => {
    switch (message.kind) {
      case 'commit':
        commitStartedMs = performance.now();
        engine.commit(message, Date.now());
        break;
      case 'bridge-port':
        bridge = message.port;
        bridge.on('message', (advance: Advance) => guarded(() => engine.advance(advance)));
        break;
      case 'status':
        tell({ kind: 'status', status: status() });
        break;
      case 'stop':
        clearTimeout(timer);
        bridge?.close();
        checkpointer.postMessage('stop');
        checkpointer.once('exit', () => {
          guarded(() => engine.close(Date.now()));
          db.close();
          lock.release();
          tell({ kind: 'stopped' });
          main.close();
        });
        break;
    }
  };
  main.on('message', (message: ToStore) => guarded(() => onMessage(message)));
  const { lanes, books } = status();
  tell({ kind: 'opened', state: { gatewayId, databaseFile: file, lanes, books, sessions: engine.loadSessions(), report } });
  schedule();
}

function fault(error: unknown): void {
  const known = error instanceof SluiceError ? error : undefined;
  const code = known?.code ?? String((error as { code?: unknown }).code ?? 'STORE_FAULT');
  tell({ kind: 'fault', code, message: messageOf(error), hint: known?.hint });
}
