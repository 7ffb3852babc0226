import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createTables } from '../log/log-schema.ts';
import { SessionTables } from '../sessions/session-ops.ts';
export const DATABASE_FILE = 'sluice.db';
export type OpenReport = Record<string, unknown>;
export function openDatabase(dir: string, o: { synchronous: string; cacheBytes: number }) {
  const db = new Database(join(dir, DATABASE_FILE));
  db.pragma('journal_mode = WAL'); db.pragma(`synchronous = ${o.synchronous}`); db.pragma('wal_autocheckpoint = 0'); db.pragma(`cache_size = -${o.cacheBytes / 1024}`);
  createTables(db); SessionTables.createTables(db);
  return { db, report: {} as OpenReport };
}
