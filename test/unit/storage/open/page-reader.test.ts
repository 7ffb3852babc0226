// The reader of SQLite's files against SQLite: whatever state a living store's files are in, both see the
// same.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import Database, { type Database as Db } from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../../../storage/open/open-database.ts';
import { PageSource } from '../../../../storage/open/sqlite-file/page-source.ts';
import type { Value } from '../../../../storage/open/sqlite-file/record-format.ts';
import { PageSet, rowsOf } from '../../../../storage/open/sqlite-file/tree-rows.ts';
import { inspectStore } from '../../../../storage/open/store-inspection.ts';
import { fieldsOf, referenceSchema, STORE_TABLES } from '../../../../storage/open/store-schema.ts';
import { inTemporaryDirectory, openOptions, randomOf } from '../../../fault/damage/store-fixture.ts';

const createAnything = (db: Db): void =>
  void db.exec(`
    CREATE TABLE IF NOT EXISTS plain (a INTEGER, b TEXT, c REAL, d BLOB);
    CREATE TABLE IF NOT EXISTS keyed (n INTEGER PRIMARY KEY, text TEXT UNIQUE, bytes BLOB);
    CREATE TABLE IF NOT EXISTS direct (key TEXT, part INTEGER, bytes BLOB, PRIMARY KEY (part, key)) WITHOUT ROWID;
  `);
const tables = [...STORE_TABLES, createAnything];
const schema = referenceSchema(tables);
const NUMBERS = [
  0n,
  1n,
  -1n,
  127n,
  -129n,
  40_000n,
  2n ** 23n,
  -(2n ** 31n),
  2n ** 40n,
  2n ** 62n,
  -(2n ** 63n),
];

class LivingStore {
  readonly db: Db;
  readonly #random: (below: number) => number;
  #next = 1;

  constructor(directory: string, random: (below: number) => number) {
    this.db = openDatabase(directory, { ...openOptions, tables, probe: undefined }).db;
    this.db.pragma('cache_size = 10'); // so that large transactions reach the log before they are committed
    this.#random = random;
  }

  step(): void {
    const action = this.#random(12);
    if (action === 0) this.db.pragma('wal_checkpoint(PASSIVE)');
    else if (action === 1) this.db.pragma('wal_checkpoint(TRUNCATE)');
    else if (action === 2) this.#rolledBack();
    else if (action === 3) this.#checkpointBehindReader();
    else this.db.transaction(() => this.#changes(1 + this.#random(20)))();
  }

  #changes(count: number): void {
    for (let i = 0; i < count; i++) {
      const n = this.#next++;
      const bytes = Buffer.alloc(this.#random(5) === 0 ? this.#random(20_000) : this.#random(200), n);
      const number = NUMBERS[this.#random(NUMBERS.length)];
      this.db.prepare('INSERT INTO plain VALUES (?, ?, ?, ?)').run(number, `täxt ${n}`, n / 3, bytes);
      this.db.prepare('INSERT INTO keyed VALUES (?, ?, ?)').run(BigInt(n * 1000), `k${n}`, bytes);
      this.db
        .prepare('INSERT INTO direct VALUES (?, ?, ?)')
        .run(`d${n}`, n % 7, this.#random(3) === 0 ? null : bytes);
      const old = this.#random(n);
      if (this.#random(3) === 0)
        this.db.prepare('DELETE FROM plain WHERE rowid > ? AND rowid < ?').run(old, old + 30);
      if (this.#random(3) === 0) this.db.prepare('DELETE FROM direct WHERE key = ?').run(`d${old}`);
      if (this.#random(3) === 0) this.db.prepare('DELETE FROM keyed WHERE n < ?').run(old * 500);
    }
  }

  #rolledBack(): void {
    this.db.exec('BEGIN');
    this.#changes(60);
    this.db.exec('ROLLBACK');
  }

  #checkpointBehindReader(): void {
    const reader = new Database(this.db.name, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM plain').get();
    this.db.transaction(() => this.#changes(3))();
    this.db.pragma('wal_checkpoint(PASSIVE)');
    reader.exec('COMMIT');
    reader.close();
  }
}

function copyFiles(from: string, to: string): void {
  for (const part of ['', '-wal']) {
    const file = join(from, `sluice.db${part}`);
    if (existsSync(file)) copyFileSync(file, join(to, `sluice.db${part}`));
  }
}

/** Every row of every table, as this project's reader has it. */
function rowsByPages(directory: string): Record<string, unknown[]> {
  const source = new PageSource(join(directory, 'sluice.db'));
  try {
    const damaged: string[] = [];
    const trace = {
      reached: new PageSet(source.pagesMax),
      damaged: (page: number, what: string) => void damaged.push(`${page} ${what}`),
    };
    const roots = new Map([...rowsOf(source, 1, trace)].map(({ values }) => [values[1], Number(values[3])]));
    const content: Record<string, unknown[]> = {};
    for (const layout of schema.tables.values()) {
      content[layout.name] = [...rowsOf(source, roots.get(layout.name) as number, trace)].map((row) =>
        comparable(fieldsOf(row, layout)),
      );
    }
    expect(damaged).toEqual([]);
    return content;
  } finally {
    source.close();
  }
}

function rowsBySqlite(directory: string): Record<string, unknown[]> {
  const db = new Database(join(directory, 'sluice.db'), { readonly: true });
  try {
    db.defaultSafeIntegers(true);
    return Object.fromEntries(
      [...schema.tables.keys()].map((name) => [
        name,
        db
          .prepare(`SELECT * FROM "${name}"`)
          .all()
          .map((row) => comparable(row as never)),
      ]),
    );
  } finally {
    db.close();
  }
}

/** A REAL that is a whole number is stored as an integer, and `c` is REAL. */
function comparable(fields: { [column: string]: Value | undefined }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (Buffer.isBuffer(value)) return [name, value.toString('base64')];
      return [name, name === 'c' ? `real ${Number(value)}` : `${typeof value} ${value}`];
    }),
  );
}

describe('the files of a living store', () => {
  test.each([1, 2, 3])(
    'hold the same for the page reader as for SQLite after every step, seed %i',
    (seed) => {
      inTemporaryDirectory((directory) => {
        const store = new LivingStore(directory, randomOf(seed));
        for (let step = 0; step < 60; step++) {
          store.step();
          inTemporaryDirectory((copy) => {
            copyFiles(directory, copy);
            const found = inspectStore(copy, schema);
            // Copied from under a running process: nothing is damaged, whatever unfinished or old frames
            // there are.
            expect({ step, found: found.kind }).toEqual({ step, found: 'readable' });
            if (found.kind === 'readable')
              expect(found.store).toMatchObject({ repairs: [], walTail: undefined });
            const rows = rowsByPages(copy);
            expect(rows).toEqual(rowsBySqlite(copy));
          });
        }
        expect(store.db.prepare('SELECT count(*) FROM keyed').pluck().get()).toBeGreaterThan(20);
        store.db.close();
      });
    },
  );
});
