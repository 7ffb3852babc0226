// An empty store in a new file, made under another name than a store's, so that a crash never leaves half of
// one.

import { randomInt } from 'node:crypto';
import Database, { type Database as Db } from 'better-sqlite3';
import { PAGE_BYTES } from './sqlite-file/page-source.ts';
import { type CreateTables, createStore } from './store-schema.ts';

export interface NewStoreOptions {
  tables: readonly CreateTables[];
  /** The file must not become larger. */
  bytesMax?: number;
}

/**
 * Neither in WAL mode yet nor synced: that is the caller's, who closes it. The random application_id tells
 * the store's write-ahead log from another's.
 */
export function createNewStore(file: string, { tables, bytesMax }: NewStoreOptions): Db {
  const db = new Database(file);
  db.pragma(`page_size = ${PAGE_BYTES}`);
  db.pragma('journal_mode = MEMORY');
  db.pragma('synchronous = OFF');
  if (bytesMax !== undefined)
    db.pragma(`max_page_count = ${Math.max(16, Math.floor(bytesMax / PAGE_BYTES))}`);
  db.pragma(`application_id = ${randomInt(1, 2 ** 31)}`);
  createStore(db, tables);
  return db;
}
