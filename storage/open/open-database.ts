// Opens the store, whatever state it is in: as it is, put right in place, or salvaged. Invariants: what
// cannot be read is put aside, never deleted; no name is given to a record twice; what a start costs does not
// depend on the backlog, unless the store is damaged. The caller holds the directory's lock
// (directory-lock.ts).

import { renameSync } from 'node:fs';
import { join } from 'node:path';
import Database, { type Database as Db } from 'better-sqlite3';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { type Damage, damageOf, isForWantOfRoom } from './damage.ts';
import { createNewStore } from './new-store.ts';
import { copyWalAside } from './put-aside.ts';
import { applyRepairs, type RepairReport } from './repairs.ts';
import { resumeSalvage, type SalvageOptions, salvage } from './salvage.ts';
import type { SalvageReport } from './salvage-report.ts';
import { DATABASE_FILE, startBuilding, syncDirectory, syncFile } from './store-files.ts';
import { inspectStore, type ReadableStore } from './store-inspection.ts';
import { addLaterTables, type CreateTables, MetaKey, referenceSchema, STORE_TABLES } from './store-schema.ts';
import { mendWal } from './wal-mend.ts';

export { DATABASE_FILE } from './store-files.ts';

export interface OpenOptions {
  synchronous: 'full' | 'normal';
  cacheBytes: number;
  /** The write-ahead log's file is cut back to this when it starts over. */
  walBytesMax?: number;
  /** For the salvage of a damaged store: see SalvageOptions. */
  bytesMax?: number;
  diskFreeBytesMin?: number;
  tables?: readonly CreateTables[];
  nowMs?: number;
  /**
   * Reads what the caller is going to need at once (sessions); what it meets is salvaged. `db` is read-only.
   */
  probe?(db: Db): void;
  onEvent?(event: OpenEvent): void;
}

/** What takes long enough to be told while it happens. */
export type OpenEvent =
  | { kind: 'salvage-started'; damage: Damage }
  | { kind: 'salvage-progress' }
  | { kind: 'salvage-done'; report: SalvageReport };

export interface OpenReport {
  outcome: 'created' | 'opened' | 'repaired' | 'salvaged';
  /** The store was closed in order the last time. */
  lastStopWasClean: boolean;
  repairs: RepairReport[];
  salvage: SalvageReport | null;
}

const WAL_BYTES_MAX = 64 * 1024 * 1024;
const BUSY_TIMEOUT_MS = 5000;
/** Creating, mending and salvaging each lead back to looking again; no store needs more rounds. */
const ROUNDS_MAX = 8;

/**
 * Throws SluiceError STORE_NEWER (made by a newer version; not touched) or STORE_NO_ROOM (not even an empty
 * store fits on the disk), and what the file system throws when the directory cannot be used.
 */
export function openDatabase(directory: string, options: OpenOptions): { db: Db; report: OpenReport } {
  try {
    return new StoreOpening(directory, options).run();
  } catch (error) {
    throw orNoRoom(directory, error);
  }
}

/** What is wrong is that there is no room: said so that a person knows what to do; anything else as it is. */
export function orNoRoom(directory: string, error: unknown): unknown {
  if (!isForWantOfRoom(error)) return error;
  const message = `no room on the disk to open the store in ${directory}: ${messageOf(error)}`;
  return new SluiceError('STORE_NO_ROOM', message, {
    kind: 'transient',
    hint: 'Make some room on the disk; nothing in the store was lost.',
    cause: error,
  });
}

/** Closes the store in order, so that the next start knows. */
export function closeDatabase(db: Db): void {
  try {
    putMeta(db, MetaKey.cleanStop, '1');
    db.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    if (!isForWantOfRoom(error) && damageOf(error) === undefined) throw error; // the next start sees to it
  } finally {
    db.close();
  }
}

class StoreOpening {
  readonly #directory: string;
  readonly #options: OpenOptions;
  readonly #tables: readonly CreateTables[];
  readonly #nowMs: number;
  readonly #repairs: RepairReport[] = [];
  #salvage: SalvageReport | null = null;
  #created = false;

  constructor(directory: string, options: OpenOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#tables = options.tables ?? STORE_TABLES;
    this.#nowMs = options.nowMs ?? Date.now();
  }

  run(): { db: Db; report: OpenReport } {
    const schema = referenceSchema(this.#tables);
    this.#salvage = resumeSalvage(this.#directory, this.#salvageOptions()) ?? null;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const found = inspectStore(this.#directory, schema);
      switch (found.kind) {
        case 'missing':
          this.#create();
          break;
        case 'newer':
          throw newerStore(this.#directory, found.version);
        case 'mendable':
          this.#repairs.push(mendWal(this.#directory, found.patches, this.#nowMs));
          break;
        case 'damaged': {
          // A store that was just made is not salvaged again: SQLite has the last word.
          const opened = this.#salvage === null ? undefined : this.#tryOpen(NOTHING_FOUND);
          if (opened !== undefined) return opened;
          this.#salvageStore(found.damage);
          break;
        }
        case 'readable': {
          const opened = this.#tryOpen(found.store);
          if (opened !== undefined) return opened;
        }
      }
    }
    throw new SluiceError('STORE_UNREADABLE', `the store in ${this.#directory} is damaged again and again`, {
      kind: 'fatal',
      hint: 'Check the disk; everything that was read is under damaged/ in the data directory.',
    });
  }

  #create(): void {
    const { file } = startBuilding(this.#directory);
    createNewStore(file, { tables: this.#tables }).close();
    syncFile(file);
    renameSync(file, join(this.#directory, DATABASE_FILE));
    syncDirectory(this.#directory);
    this.#created = true;
  }

  #salvageStore(damage: Damage): void {
    this.#options.onEvent?.({ kind: 'salvage-started', damage });
    this.#salvage = salvage(this.#directory, damage, this.#salvageOptions());
    this.#options.onEvent?.({ kind: 'salvage-done', report: this.#salvage });
  }

  #salvageOptions(): SalvageOptions {
    const { bytesMax, diskFreeBytesMin, onEvent } = this.#options;
    const onProgress = (): void => onEvent?.({ kind: 'salvage-progress' });
    return { nowMs: this.#nowMs, tables: this.#tables, bytesMax, diskFreeBytesMin, onProgress };
  }

  /** Undefined: SQLite found it damaged after all, and it has been salvaged. */
  #tryOpen(store: ReadableStore): { db: Db; report: OpenReport } | undefined {
    try {
      this.#probe();
      return this.#open(store);
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined || this.#salvage !== null) throw error;
      this.#salvageStore(damage);
      return undefined;
    }
  }

  /** What every start reads, by SQLite, read-only: should it be damaged, the files are as they were. */
  #probe(): void {
    const db = new Database(join(this.#directory, DATABASE_FILE), {
      readonly: true,
      timeout: BUSY_TIMEOUT_MS,
    });
    try {
      db.pragma('cell_size_check = ON');
      for (const table of ['meta', 'lanes', 'cursors']) db.prepare(`SELECT * FROM ${table}`).all();
      db.prepare('SELECT id FROM log ORDER BY id DESC LIMIT 1').get();
      this.#options.probe?.(db);
    } finally {
      db.close();
    }
  }

  #open(store: ReadableStore): { db: Db; report: OpenReport } | undefined {
    const putAside = store.walTail === undefined ? null : this.#copyTailAside();
    if (putAside === undefined) return undefined;
    const db = new Database(join(this.#directory, DATABASE_FILE), { timeout: BUSY_TIMEOUT_MS });
    try {
      this.#configure(db);
      this.#addTables(db);
      const context = { directory: this.#directory, nowMs: this.#nowMs, walPutAside: putAside };
      this.#repairs.push(...applyRepairs(db, store, context));
      noteRunning(db);
    } catch (error) {
      db.close();
      throw error;
    }
    const outcome = this.#outcome();
    return {
      db,
      report: { outcome, lastStopWasClean: store.cleanStop, repairs: this.#repairs, salvage: this.#salvage },
    };
  }

  #outcome(): OpenReport['outcome'] {
    if (this.#salvage !== null) return 'salvaged';
    if (this.#created) return 'created';
    return this.#repairs.length > 0 ? 'repaired' : 'opened';
  }

  /** Undefined: there is no room for a copy, so the store was salvaged, which puts it aside by renaming. */
  #copyTailAside(): string | undefined {
    const detail = 'the end of the write-ahead log does not check: damaged, or never finished';
    try {
      return copyWalAside(this.#directory, 'wal-tail', { nowMs: this.#nowMs, detail });
    } catch (error) {
      if (!isForWantOfRoom(error)) throw error;
      this.#salvageStore({ reason: 'wal-tail', detail });
      return undefined;
    }
  }

  /** Those that came after the store was made. */
  #addTables(db: Db): void {
    try {
      addLaterTables(db, this.#tables);
    } catch (error) {
      if (!isForWantOfRoom(error)) throw error; // who needs one makes it then
    }
  }

  #configure(db: Db): void {
    const { synchronous, cacheBytes, walBytesMax = WAL_BYTES_MAX } = this.#options;
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${synchronous}`);
    db.pragma('wal_autocheckpoint = 0');
    db.pragma(`journal_size_limit = ${walBytesMax}`);
    db.pragma('foreign_keys = OFF');
    db.pragma('cell_size_check = ON');
    db.pragma('trusted_schema = OFF');
    db.pragma('temp_store = MEMORY');
    db.pragma(`cache_size = ${-Math.ceil(cacheBytes / 1024)}`);
  }
}

const NOTHING_FOUND: ReadableStore = { cleanStop: false, lanes: [], repairs: [], walTail: undefined };

function noteRunning(db: Db): void {
  try {
    putMeta(db, MetaKey.cleanStop, '0');
  } catch (error) {
    if (!isForWantOfRoom(error)) throw error; // the disk is full: only what the next report says depends on it
  }
}

function putMeta(db: Db, key: string, value: string): void {
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value);
}

function newerStore(directory: string, version: number): SluiceError {
  const message = `the store in ${directory} was made by a newer sluice (store version ${version})`;
  return new SluiceError('STORE_NEWER', message, {
    kind: 'fatal',
    hint: 'Start that version, or set data.dir to another directory. Nothing was changed.',
  });
}
