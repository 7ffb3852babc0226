// Copies what can be read of a damaged store into a new one. The small tables go first, so that they are
// there even when the disk has no room for all batches; batches go lane by lane, oldest first, those on stray
// pages after them.
//
// Want of room is looked for between transactions: SQLite undoes a whole transaction that runs out of it.

import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database as Db, Statement } from 'better-sqlite3';
import { rowIdOf } from '../log/log-schema.ts';
import { isForWantOfRoom } from './damage.ts';
import { DamagedStore } from './damaged-store.ts';
import { type LogRow, logShape, readLogRow } from './log-row.ts';
import { createNewStore } from './new-store.ts';
import { SalvagedLanes } from './salvaged-lanes.ts';
import { PAGE_BYTES, type PageSource } from './sqlite-file/page-source.ts';
import type { RawRow } from './sqlite-file/tree-rows.ts';
import { type CreateTables, fieldsOf, MetaKey, type StoreSchema, type TableLayout } from './store-schema.ts';

export interface CopyOptions {
  tables: readonly CreateTables[];
  schema: StoreSchema;
  nowMs: number;
  /** The new store must not become larger. */
  bytesMax?: number;
  /** Left free on the disk, if as much is free now. */
  diskFreeBytesMin: number;
  /** Now and then. */
  onProgress(): void;
}

export interface CopiedTable {
  kept: number;
  lost: number;
  damagedPages: number;
}

export interface Copied {
  lanes: SalvagedLanes;
  batches: number;
  records: number;
  bytes: number;
  damagedBatches: number;
  correctedRows: number;
  strayBatches: number;
  tables: { [table: string]: CopiedTable };
  /** There was no room for the rest. */
  ranOutOfRoom: boolean;
}

const TRANSACTION_BYTES_MAX = 1024 * 1024;
/** These are not copied row by row but understood. */
const UNDERSTOOD = ['meta', 'lanes', 'cursors', 'log'];

export class SalvageCopy {
  readonly db: Db;
  readonly copied: Copied;
  readonly store: DamagedStore;
  readonly #options: CopyOptions;
  readonly #file: string;
  readonly #freeBytesMin: number;
  readonly #transactionBytes: number;
  readonly #gateways = new Map<string, number>();
  #uncommittedBytes = 0;

  constructor(source: PageSource, file: string, options: CopyOptions) {
    this.#options = options;
    this.#file = file;
    const roomBytes = Math.min(options.bytesMax ?? Number.POSITIVE_INFINITY, this.#freeBytes());
    this.#transactionBytes = Math.min(TRANSACTION_BYTES_MAX, roomBytes / 64);
    this.#freeBytesMin = Math.min(options.diskFreeBytesMin, roomBytes / 4);
    this.db = createNewStore(file, options);
    this.store = new DamagedStore(source, options.schema);
    const lanes = new SalvagedLanes(this.store);
    const counts = { batches: 0, records: 0, bytes: 0, damagedBatches: 0, correctedRows: 0, strayBatches: 0 };
    this.copied = { lanes, ...counts, tables: {}, ranOutOfRoom: false };
  }

  run(): Copied {
    this.db.transaction(() => {
      this.#copyMeta();
      for (const { name } of this.#options.schema.tables.values())
        if (!UNDERSTOOD.includes(name)) this.#copyTable(name);
    })();
    this.#copyLog();
    this.#countTables();
    return this.copied;
  }

  /**
   * The one in the table if any batch confirms it, else that of most batches. A store has batches of one
   * gateway.
   */
  gateway(): string | undefined {
    const kept = this.#keptGateway();
    if (kept !== undefined && this.#gateways.has(kept)) return kept;
    return [...this.#gateways].sort((a, b) => b[1] - a[1])[0]?.[0];
  }

  #copyMeta(): void {
    const { layout } = this.store.place('meta');
    const put = this.db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)');
    for (const row of this.store.rows('meta')) {
      const { key, value } = fieldsOf(row, layout);
      if (typeof key === 'string' && typeof value === 'string' && key !== MetaKey.cleanStop)
        put.run(key, value);
    }
  }

  #copyTable(name: string): void {
    const { layout } = this.store.place(name);
    const target = this.#options.schema.tables.get(name) as TableLayout;
    const columns = layout.columns.filter((column) => target.columns.includes(column));
    const names = layout.kind === 'table' && layout.rowidColumn < 0 ? ['rowid', ...columns] : columns;
    const marks = names.map(() => '?').join(', ');
    const put = this.db.prepare(
      `INSERT OR IGNORE INTO "${name}" ("${names.join('", "')}") VALUES (${marks})`,
    );
    const table: CopiedTable = { kept: 0, lost: 0, damagedPages: 0 };
    this.copied.tables[name] = table;
    for (const row of this.store.rows(name)) {
      const fields = { ...fieldsOf(row, layout), rowid: BigInt(row.rowid) };
      if (putRow(() => put.run(...names.map((column) => fields[column as 'rowid'] ?? null)).changes === 1))
        table.kept++;
      else table.lost++;
    }
  }

  #copyLog(): void {
    const { layout } = this.store.place('log');
    const put = this.db.prepare(
      'INSERT OR IGNORE INTO log (id, first, count, stored_at_ms, bytes) VALUES (?, ?, ?, ?, ?)',
    );
    this.db.exec('BEGIN');
    try {
      for (const raw of this.store.rows('log'))
        this.#copyBatch(raw, layout, (row, id) => this.#put(put, row, id));
      if (this.#mayHaveStrays()) this.#copyStrays(layout, (row, id) => this.#put(put, row, id));
      this.db.exec('COMMIT');
    } catch (error) {
      if (!(error instanceof NoRoom) && !isForWantOfRoom(error)) throw error;
      this.copied.ranOutOfRoom = true;
      if (this.db.inTransaction) this.db.exec(error instanceof NoRoom ? 'COMMIT' : 'ROLLBACK');
      this.db.pragma('max_page_count = 4294967294'); // what is still to be written is little
    }
  }

  #copyBatch(raw: RawRow, layout: TableLayout, put: (row: LogRow, id: number) => boolean): void {
    const found = readLogRow(raw, layout);
    if (found.kind !== 'row') {
      this.copied.damagedBatches++;
      if (found.kind === 'damaged') this.copied.lanes.sawDamaged(found.id, found.first, found.count);
      return;
    }
    const number = this.copied.lanes.numberOf(found.row);
    if (number === undefined || !put(found.row, rowIdOf(number, found.row.first))) return;
    if (found.row.corrected) this.copied.correctedRows++;
    this.copied.lanes.saw(number, found.row.first + found.row.count);
    const gateway = found.row.names?.gateway;
    if (gateway !== undefined) this.#gateways.set(gateway, (this.#gateways.get(gateway) ?? 0) + 1);
  }

  #mayHaveStrays(): boolean {
    const { wal } = this.store.source;
    return (
      this.store.damageOf('log') > 0 || this.store.damageOf('sqlite_schema') > 0 || wal.verdict !== 'sound'
    );
  }

  /**
   * What lies about may be old: a batch is taken when it is of this gateway, not delivered, and its place is
   * free.
   */
  #copyStrays(layout: TableLayout, put: (row: LogRow, id: number) => boolean): void {
    const { lanes } = this.copied;
    const before = this.db.prepare(
      'SELECT id + count AS end FROM log WHERE id <= ? ORDER BY id DESC LIMIT 1',
    );
    const after = this.db.prepare('SELECT id FROM log WHERE id >= ? ORDER BY id LIMIT 1');
    const gateway = this.gateway() ?? this.#keptGateway();
    for (const raw of this.store.strayRows(logShape(layout))) {
      const found = readLogRow(raw, layout);
      if (found.kind !== 'row' || found.row.names === undefined) continue;
      const { first, count, names } = found.row;
      if (gateway !== undefined && names.gateway !== gateway) continue;
      if (lanes.complete && !lanes.all().some(({ name }) => name === names.lane)) continue;
      const number = lanes.numberOf(found.row);
      if (number === undefined || first + count <= (lanes.floor(number) ?? 0)) continue;
      const id = rowIdOf(number, first);
      const left = before.get(id) as { end: number } | undefined;
      const right = after.get(id) as { id: number } | undefined;
      if ((left?.end ?? 0) > id || (right !== undefined && right.id < id + count)) continue;
      this.#copyBatch(raw, layout, put);
      this.copied.strayBatches++;
    }
  }

  #put(statement: Statement, row: LogRow, id: number): boolean {
    const { first, count, storedAtMs, bytes } = row;
    const storedAt = storedAtMs < 0 ? this.#options.nowMs : storedAtMs;
    if (statement.run(id, first, count, storedAt, bytes).changes === 0) return false;
    this.#uncommittedBytes += bytes.length + 64;
    if (this.#uncommittedBytes >= this.#transactionBytes) this.#commit();
    return true;
  }

  #commit(): void {
    this.#uncommittedBytes = 0;
    this.db.exec('COMMIT');
    this.db.exec('BEGIN');
    this.#options.onProgress();
    const { bytesMax = Number.POSITIVE_INFINITY } = this.#options;
    const isAtLimit = this.#fileBytes() + 2 * this.#transactionBytes > bytesMax;
    if (isAtLimit || this.#freeBytes() < this.#freeBytesMin + 2 * this.#transactionBytes) throw new NoRoom();
  }

  #fileBytes(): number {
    return (this.db.pragma('page_count', { simple: true }) as number) * PAGE_BYTES;
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#file));
    return bavail * bsize;
  }

  #keptGateway(): string | undefined {
    const row = this.db.prepare('SELECT value FROM meta WHERE key = ?').get(MetaKey.gatewayId);
    return (row as { value: string } | undefined)?.value;
  }

  #countTables(): void {
    const select = this.db.prepare(
      'SELECT count(*) AS batches, ifnull(sum(count), 0) AS records, ifnull(sum(length(bytes)), 0) AS bytes FROM log',
    );
    Object.assign(this.copied, select.get());
    for (const [name, pages] of this.store.damagedPages) {
      const { kept, lost } = this.copied.tables[name] ?? { kept: 0, lost: 0 };
      this.copied.tables[name] = { kept, lost, damagedPages: pages.size };
    }
    this.copied.tables.log.kept = this.copied.batches;
    this.copied.tables.log.lost = this.copied.damagedBatches;
  }
}

class NoRoom extends Error {}

/** False when the row breaks a rule of its table. */
function putRow(put: () => boolean): boolean {
  try {
    return put();
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_MISMATCH') return false;
    throw error;
  }
}
