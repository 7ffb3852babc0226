// Which tables a store has and how SQLite lays their rows out, learnt from a store made in memory by the same
// code. A store of this version has its tables in the same places, so even when its first page is lost they
// can be found.

import Database, { type Database as Db } from 'better-sqlite3';
import { createTables, SCHEMA_VERSION } from '../log/log-schema.ts';
import { SessionTables } from '../sessions/session-ops.ts';
import { OWNERS_TABLE } from '../sessions/session-owners.ts';
import type { Value } from './sqlite-file/record-format.ts';
import type { RawRow } from './sqlite-file/tree-rows.ts';

export type CreateTables = (db: Db) => void;

/** What creates the tables of a store, in this order for ever. */
export const STORE_TABLES: readonly CreateTables[] = [createTables, (db) => SessionTables.createTables(db)];

/**
 * Tables that stores which were made before them do not have: they are added when such a store is opened, and lie
 * wherever there was room. That they were is noted (`MetaKey.laterTables`), so that one that is lost is missed.
 */
export const LATER_TABLES: ReadonlySet<string> = new Set([OWNERS_TABLE]);

export interface TableLayout {
  name: string;
  /** Without comments and white space, for comparing. */
  shape: string;
  root: number;
  kind: 'table' | 'index';
  /** As they follow each other in a stored row. */
  columns: string[];
  /** The column that is the rowid, and NULL in the stored row; -1: none. */
  rowidColumn: number;
}

export interface StoreSchema {
  tables: Map<string, TableLayout>;
  /** Names of the indexes and where each begins. */
  indexes: Map<string, number>;
}

export const MetaKey = {
  schemaVersion: 'schema-version',
  /** Those of LATER_TABLES that the store has, with commas. */
  laterTables: 'later-tables',
  gatewayId: 'gateway-id',
  cleanStop: 'clean-stop',
  /** Lanes that the store does not know begin here: what their names were before is lost. */
  offsetFloor: 'offset-floor',
  /** KnownGap[] as JSON. */
  knownGaps: 'known-gaps',
  /** SalvageReport as JSON. */
  lastSalvage: 'last-salvage',
} as const;

/** Everything an empty store has; in one transaction. */
export function createStore(db: Db, tables: readonly CreateTables[]): void {
  db.transaction(() => {
    for (const create of tables) create(db);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
    db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(
      MetaKey.schemaVersion,
      String(SCHEMA_VERSION),
    );
    noteLaterTables(db);
  })();
}

/** Tables that came after the store was made; in one transaction. Writes nothing where there is none to add. */
export function addLaterTables(db: Db, tables: readonly CreateTables[]): void {
  db.transaction(() => {
    for (const create of tables) create(db);
    noteLaterTables(db);
  })();
}

function noteLaterTables(db: Db): void {
  const isThere = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").pluck();
  const present = [...LATER_TABLES].filter((name) => isThere.get(name) === 1).join();
  const noted = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.laterTables);
  if (present === (noted ?? '')) return;
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(MetaKey.laterTables, present);
}

export function referenceSchema(tables: readonly CreateTables[]): StoreSchema {
  const db = new Database(':memory:');
  try {
    for (const create of tables) create(db);
    return schemaOf(db);
  } finally {
    db.close();
  }
}

/** The layout that `sql` (CREATE TABLE) gives a table; undefined when SQLite does not take it. */
export function layoutOf(sql: string): TableLayout | undefined {
  const db = new Database(':memory:');
  try {
    if (!/^\s*CREATE\s+TABLE\s/i.test(sql)) return undefined;
    db.prepare(sql).run();
    return [...schemaOf(db).tables.values()][0];
  } catch {
    return undefined; // the text was damaged: the caller goes by its own
  } finally {
    db.close();
  }
}

/** A stored row by the names of its columns. */
export function fieldsOf(row: RawRow, layout: TableLayout): { [column: string]: Value | undefined } {
  const fields: { [column: string]: Value | undefined } = {};
  for (const [i, column] of layout.columns.entries()) {
    fields[column] = i === layout.rowidColumn ? BigInt(row.rowid) : row.values[i];
  }
  return fields;
}

export function shapeOf(sql: string): string {
  return sql
    .replace(/--[^\n]*/g, '')
    .replace(/\s+/g, '')
    .toLowerCase();
}

interface SchemaRow {
  type: string;
  name: string;
  rootpage: number;
  sql: string | null;
}

function schemaOf(db: Db): StoreSchema {
  const schema: StoreSchema = { tables: new Map(), indexes: new Map() };
  for (const row of db.prepare('SELECT type, name, rootpage, sql FROM sqlite_schema').all() as SchemaRow[]) {
    if (row.type === 'index') schema.indexes.set(row.name, row.rootpage);
    if (row.type === 'table' && row.sql !== null) schema.tables.set(row.name, tableLayout(db, row, row.sql));
  }
  return schema;
}

function tableLayout(db: Db, { name, rootpage }: SchemaRow, sql: string): TableLayout {
  const columns = db.pragma(`table_xinfo("${name}")`) as { name: string; type: string; pk: number }[];
  const layout = { name, shape: shapeOf(sql), root: rootpage };
  const [{ wr }] = db.pragma(`table_list("${name}")`) as { wr: number }[];
  if (wr === 1) {
    const indexes = db.pragma(`index_list("${name}")`) as { name: string; origin: string }[];
    const key = indexes.find(({ origin }) => origin === 'pk')?.name;
    const stored = db.pragma(`index_xinfo("${key}")`) as { name: string }[];
    return { ...layout, kind: 'index', columns: stored.map((column) => column.name), rowidColumn: -1 };
  }
  const keys = columns.filter(({ pk }) => pk > 0);
  const rowidColumn =
    keys.length === 1 && keys[0].type.toUpperCase() === 'INTEGER' ? columns.indexOf(keys[0]) : -1;
  return { ...layout, kind: 'table', columns: columns.map((column) => column.name), rowidColumn };
}
