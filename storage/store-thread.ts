// The storage thread: wires the engine to its ports. A fault here is told to the main thread, which stops the process
// in order; what was acknowledged is on disk already.

import { once } from 'node:events';
import { join } from 'node:path';
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { messageOf, SluiceError } from '../config/errors.ts';
import { siblingThread } from '../config/sibling-thread.ts';
import type { Advance } from './log/log-port.ts';
import { damageOf } from './open/damage.ts';
import { lockDirectory } from './open/directory-lock.ts';
import { gatewayIdOf } from './open/gateway-id.ts';
import { closeDatabase, DATABASE_FILE, openDatabase, orNoRoom } from './open/open-database.ts';
import { salvage } from './open/salvage.ts';
import { STORE_TABLES } from './open/store-schema.ts';
import { SessionTables } from './sessions/session-ops.ts';
import type { OwnerShares } from './shares/owner-shares.ts';
import { ShareCounter } from './shares/share-counter.ts';
import { StorageEngine, type StorageEvents } from './storage-engine.ts';
import type { FromStore, StoreOptions, ToStore } from './store-messages.ts';

const TICK_MS = 200;
const STALLED_TICK_MS = 25;
/** With a commit, at most as often: many of them in a row change the shares of the same devices. */
const SHARES_INTERVAL_MS = 50;
const CACHE_BYTES = 4 * 1024 * 1024;

const options = workerData as StoreOptions;
const main = parentPort as MessagePort;

class StoreThread {
  readonly #lock = lockDirectory(options.directory);
  readonly #file = join(options.directory, DATABASE_FILE);
  readonly #opened = open();
  readonly #gatewayId = gatewayIdOf(this.#opened.db, options.gatewayId);
  readonly #engine: StorageEngine;
  readonly #checkpointer: Worker;
  readonly #counter: ShareCounter;
  #bridge: MessagePort | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isStalled = false;
  #isCountTold = false;
  #commitStartedMs = 0;
  #sharesToldMs = -Infinity;

  constructor() {
    const engineOptions = {
      ...options,
      gatewayId: this.#gatewayId,
      file: this.#file,
      bytesMax: options.bufferBytesMax,
      countsShares: countsShares(),
    };
    this.#engine = new StorageEngine(this.#opened.db, engineOptions, this.#events());
    // Not before: it would keep this thread alive when the store cannot be opened.
    this.#checkpointer = new Worker(siblingThread(import.meta.url, './log/checkpoint-thread'), {
      workerData: { file: this.#file },
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    this.#counter = new ShareCounter({
      file: this.#file,
      secret: this.#engine.shares.secret,
      onCounted: (slice) => guarded(() => this.#engine.counted(slice)),
      onFault: fault,
    });
    this.#checkpointer.on('message', () => guarded(() => this.#engine.checkpointed()));
    this.#checkpointer.on('error', fault);
    main.on('message', (message: ToStore) => guarded(() => this.#onMessage(message)));
    tell({
      kind: 'opened',
      state: {
        gatewayId: this.#gatewayId,
        databaseFile: this.#file,
        lanes: this.#engine.lanes,
        books: this.#engine.books(),
        sessions: this.#engine.loadSessions(),
        report: this.#opened.report,
        shareSecret: this.#engine.shares.secret,
      },
    });
    this.#schedule();
  }

  #events(): StorageEvents {
    return {
      committed: (request, stored) => {
        const buffers = request.batches.map((batch) => batch.buffer);
        const nowMs = performance.now();
        const commitMs = nowMs - this.#commitStartedMs;
        const areSharesDue = nowMs - this.#sharesToldMs >= SHARES_INTERVAL_MS;
        const shares = areSharesDue ? this.#takeShares(nowMs) : null;
        tell({ kind: 'committed', buffers, ...stored, commitMs, shares }, buffers);
      },
      appended: (lane, nextOffset) => this.#bridge?.postMessage({ kind: 'appended', lane, nextOffset }),
      stalled: (reason, detail) => {
        this.#isStalled = true;
        tell({ kind: 'stalled', reason, detail });
        this.#schedule();
      },
      resumed: () => {
        this.#isStalled = false;
        tell({ kind: 'resumed' });
      },
      checkpointWanted: () => this.#checkpointer.postMessage('checkpoint'),
      countWanted: (request) => this.#counter.ask(request),
    };
  }

  #takeShares(nowMs: number): OwnerShares | null {
    this.#sharesToldMs = nowMs;
    return this.#engine.shares.takeChanges();
  }

  /** What has changed and is not told yet; and the end of the count. */
  #tellShares(): void {
    const { shares } = this.#engine;
    const changes = this.#takeShares(performance.now());
    if (changes !== null) tell({ kind: 'shares', shares: changes });
    if (this.#isCountTold || !countsShares() || !shares.isCounted) return;
    this.#isCountTold = true;
    void this.#counter.stop();
    tell({ kind: 'shares-counted' });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const tick = (): void => {
      guarded(() => this.#engine.tick(Date.now()));
      guarded(() => this.#tellShares());
      this.#schedule();
    };
    this.#timer = setTimeout(tick, this.#isStalled ? STALLED_TICK_MS : TICK_MS);
  }

  #onMessage(message: ToStore): void {
    switch (message.kind) {
      case 'commit':
        this.#commitStartedMs = performance.now();
        this.#engine.commit(message, Date.now());
        break;
      case 'bridge-port':
        this.#bridge = message.port;
        this.#bridge.on('message', (advance: Advance) => guarded(() => this.#engine.advance(advance)));
        break;
      case 'status':
        tell({
          kind: 'status',
          status: {
            lanes: this.#engine.lanes,
            books: this.#engine.books(),
            usedBytes: this.#engine.usedBytes(),
            fill: this.#engine.fill(),
            sharesGivenUp: this.#engine.shares.rowsGivenUp,
          },
        });
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#bridge?.close();
    this.#checkpointer.postMessage('stop');
    const exited = [once(this.#checkpointer, 'exit'), this.#counter.stop()];
    void Promise.allSettled(exited).then(() => {
      guarded(() => this.#engine.close(Date.now()));
      guarded(() => closeDatabase(this.#opened.db));
      this.#lock.release();
      tell({ kind: 'stopped' });
      main.close();
    });
  }
}

function open(): ReturnType<typeof openDatabase> {
  const limits = { bytesMax: options.bufferBytesMax, diskFreeBytesMin: options.diskFreeBytesMin };
  if (options.salvage !== null) {
    salvage(options.directory, options.salvage, { ...limits, nowMs: Date.now(), tables: STORE_TABLES });
  }
  return openDatabase(options.directory, {
    ...limits,
    synchronous: options.synchronous,
    cacheBytes: CACHE_BYTES,
    walBytesMax: 2 * options.checkpointBytes,
    // Damage in the sessions' tables shows when they are read; it is salvaged at open, too.
    probe: (db) => void new SessionTables(db).load(),
    onEvent: (event) => tell({ kind: 'opening', event }),
  });
}

function countsShares(): boolean {
  return (options.shareOwnersMax ?? 0) > 0;
}

function tell(message: FromStore, transfer: ArrayBuffer[] = []): void {
  main.postMessage(message, transfer);
}

function guarded(body: () => void): void {
  try {
    body();
  } catch (error) {
    fault(error);
  }
}

function fault(error: unknown): void {
  const known = error instanceof SluiceError ? error : undefined;
  const damage = damageOf(error);
  if (damage !== undefined) {
    tell({ kind: 'fault', code: 'STORE_DAMAGED', message: damage.detail, hint: undefined });
    return;
  }
  const code = known?.code ?? String((error as { code?: unknown }).code ?? 'STORE_FAULT');
  tell({ kind: 'fault', code, message: messageOf(error), hint: known?.hint });
}

guarded(() => {
  try {
    new StoreThread();
  } catch (error) {
    throw orNoRoom(options.directory, error);
  }
});
