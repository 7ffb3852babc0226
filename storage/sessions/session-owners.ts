// Whose each session is, on disk: the name of the user who made it. A session without a row here is nobody's: its
// maker had no name, or it was made before sessions had owners; it goes to the first user who opens it.
//
// The table came later than the others. A store that was made before has it from the first start on, unless its disk
// was full then: so it is made here when it is needed and not there. The client id is in the row as well: what an older
// version, which does not know the table, left behind of a session is then never taken for that of another.

import type { Database, Statement } from 'better-sqlite3';

export const OWNERS_TABLE = 'session_owners';

const TABLE = `CREATE TABLE IF NOT EXISTS ${OWNERS_TABLE} (
  sid INTEGER PRIMARY KEY, client TEXT NOT NULL, owner TEXT NOT NULL
)`;

const SQL = {
  // A row that says so already is not written again: a session is put at each connect and disconnect.
  put: `INSERT INTO ${OWNERS_TABLE} VALUES (?, ?, ?) ON CONFLICT (sid)
    DO UPDATE SET client = excluded.client, owner = excluded.owner
    WHERE client <> excluded.client OR owner <> excluded.owner`,
  remove: `DELETE FROM ${OWNERS_TABLE} WHERE sid = ?`,
} as const;

export class SessionOwners {
  readonly #db: Database;
  /** For good: not by a transaction that may still be undone. */
  readonly #isThere: boolean;
  #put: Statement | null = null;
  #remove: Statement | null = null;

  constructor(db: Database) {
    this.#db = db;
    this.#isThere = hasOwners(db);
  }

  static createTable(db: Database): void {
    db.exec(TABLE);
  }

  /** Call inside a transaction, as `remove`. Throws only what SQLite throws. */
  put(sid: number, client: string, owner: string): void {
    if (!this.#isThere) SessionOwners.createTable(this.#db);
    this.#put ??= this.#db.prepare(SQL.put);
    this.#put.run(sid, client, owner);
  }

  remove(sid: number): void {
    if (!this.#isThere && !hasOwners(this.#db)) return;
    this.#remove ??= this.#db.prepare(SQL.remove);
    this.#remove.run(sid);
  }
}

/** Whether the store has the table. */
export function hasOwners(db: Database): boolean {
  return (
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(OWNERS_TABLE) !==
    undefined
  );
}
