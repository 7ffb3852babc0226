// Looks at a store before SQLite does, without changing anything: is it whole as far as a few pages can tell?
// What it costs depends on the write-ahead log (which has a bound), never on the backlog: the header, the
// schema, the small tables, and each lane's way down to its last batch.
//
// Damage elsewhere is met later, by SQLite or by the checksum of the batch, and leads to the same salvage.

import { lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { SCHEMA_VERSION } from '../log/log-schema.ts';
import type { Damage } from './damage.ts';
import type { LogRow } from './log-row.ts';
import { parsePage } from './sqlite-file/btree-page.ts';
import { PAGE_BYTES, PageSource } from './sqlite-file/page-source.ts';
import { PageSet, type RawRow, rowsOf } from './sqlite-file/tree-rows.ts';
import { bitsDifferent, type WrongBit } from './sqlite-file/wal-checksum.ts';
import { DATABASE_FILE } from './store-files.ts';
import { LATER_TABLES, MetaKey, type StoreSchema, shapeOf, type TableLayout } from './store-schema.ts';
import { inspectValues, type LaneRow, type ValueRepair } from './store-values.ts';
import { walTailRows } from './wal-tail.ts';

export type Finding =
  | { kind: 'missing' }
  | { kind: 'newer'; version: number }
  | { kind: 'damaged'; damage: Damage; ignoreWal?: boolean }
  | { kind: 'mendable'; patches: WrongBit[] }
  | { kind: 'readable'; store: ReadableStore };

export interface ReadableStore {
  cleanStop: boolean;
  lanes: LaneRow[];
  repairs: ValueRepair[];
  /** The end of the write-ahead log may have been a transaction; SQLite will not read it. */
  walTail: { rows: LogRow[]; frames: number } | undefined;
}

/** Rows of the small tables: lanes, cursors, meta, the schema. Bounded by their nature. */
const SMALL_TABLE_ROWS_MAX = 100_000;
const MAGIC = 'SQLite format 3\0';

export function inspectStore(directory: string, schema: StoreSchema): Finding {
  const file = join(directory, DATABASE_FILE);
  const stat = statOrNone(file);
  if ((statOrNone(`${file}-journal`)?.size ?? 0) > 0) {
    return damaged('journal', 'there is a rollback journal, which this program never makes');
  }
  if (stat === undefined) {
    const walBytes = statOrNone(`${file}-wal`)?.size ?? 0;
    return walBytes === 0
      ? { kind: 'missing' }
      : damaged('missing', 'the database is gone, its write-ahead log is there');
  }
  if (!stat.isFile()) return damaged('not-a-file', `${DATABASE_FILE} is no file`);
  if (stat.size === 0) return damaged('empty', 'the database is empty');
  const source = new PageSource(file);
  try {
    if (source.wal.verdict === 'mendable') return { kind: 'mendable', patches: source.wal.patches };
    if (source.wal.verdict === 'broken')
      return damaged('wal', 'commits in the write-ahead log cannot be read');
    if (isForeignWal(source)) {
      return { ...damaged('foreign-wal', 'the write-ahead log belongs to another store'), ignoreWal: true };
    }
    return inspectPages(source, schema);
  } finally {
    source.close();
  }
}

/** Every store has a random application_id; the log repeats it when it holds the first page. */
export function isForeignWal(source: PageSource): boolean {
  const inFile = source.filePage(1);
  const newest = source.page(1);
  if (inFile === undefined || newest === undefined || inFile.toString('latin1', 0, 16) !== MAGIC)
    return false;
  return bitsDifferent(inFile.readUInt32BE(68), newest.readUInt32BE(68)) > 2;
}

function inspectPages(source: PageSource, expected: StoreSchema): Finding {
  const first = source.page(1);
  const headerFault = first === undefined ? 'it cannot be read' : faultOfHeader(first, source.walBytes > 0);
  if (first === undefined || headerFault !== undefined)
    return damaged('header', `the first page: ${headerFault}`);
  const sizeFault = faultOfSize(source, first);
  if (sizeFault !== undefined) return damaged('size', sizeFault);
  const found = readSchema(source);
  if (found === undefined) return damaged('schema', 'the list of tables cannot be read');
  const meta = readMeta(source, found);
  const version = first.readUInt32BE(60);
  if (Math.min(version, Number(meta?.get(MetaKey.schemaVersion) ?? 0)) > SCHEMA_VERSION)
    return { kind: 'newer', version };
  if (version !== SCHEMA_VERSION) return damaged('schema', `the first page says version ${version}`);
  const schemaFault = faultOfSchema(source, found, { expected, meta });
  if (schemaFault !== undefined) return damaged('schema', schemaFault);
  if (meta === undefined) return damaged('pages', 'table meta cannot be read');
  const roots = new Map([...found].map(([name, row]) => [name, row.root]));
  const read = (name: string): RawRow[] | undefined => readAll(source, roots.get(name) as number);
  const layoutOf = (name: string) => expected.tables.get(name) as TableLayout;
  const values = inspectValues({ source, read, logRoot: roots.get('log') as number, layoutOf, meta });
  if (values.kind === 'damaged') return values;
  const { lanes, repairs } = values;
  const walTail =
    source.wal.verdict === 'suspect'
      ? { rows: walTailRows(source, layoutOf('log'), lanes), frames: source.wal.tail.length }
      : undefined;
  return {
    kind: 'readable',
    store: { cleanStop: meta.get(MetaKey.cleanStop) === '1', lanes, repairs, walTail },
  };
}

/** fileformat2 1.3: what is fixed, and what we chose. */
function faultOfHeader(first: Buffer, hasWal: boolean): string | undefined {
  if (first.toString('latin1', 0, 16) !== MAGIC) return 'it does not begin as a database does';
  if (first.readUInt16BE(16) !== PAGE_BYTES || first[20] !== 0) return 'another page size';
  const neverOpened = first[18] === 1 && first[19] === 1 && !hasWal;
  if ((first[18] !== 2 || first[19] !== 2) && !neverOpened) return 'another journal mode';
  if (first[21] !== 64 || first[22] !== 32 || first[23] !== 32) return 'wrong payload fractions';
  if (first.readUInt32BE(44) !== 4 || first.readUInt32BE(56) !== 1) return 'another format or text encoding';
  if (first.readUInt32BE(52) !== 0 || first.readUInt32BE(64) !== 0) return 'another vacuum mode';
  if (first.readUInt32BE(24) !== first.readUInt32BE(92)) return 'its size field is stale';
  return undefined;
}

/** Every page there should be is in the file or in the log, but for free ones that were never written. */
function faultOfSize(source: PageSource, first: Buffer): string | undefined {
  const pages = source.pageCount();
  const freePages = first.readUInt32BE(36);
  const trunk = first.readUInt32BE(32);
  if (source.filePages > pages) return `the file has ${source.filePages} pages where ${pages} should be`;
  const tornPage = source.fileBytes % PAGE_BYTES !== 0 && !source.wal.newest.has(source.filePages);
  let missing = pages - source.filePages;
  for (const page of source.wal.newest.keys()) if (page > source.filePages) missing--;
  if (tornPage || missing > freePages)
    return `the file ends after ${source.fileBytes} bytes; ${pages} pages should be there`;
  if (freePages >= pages || trunk > pages || (trunk === 0) !== (freePages === 0))
    return 'the list of free pages is impossible';
  const freeFault = trunk !== 0 && !isTrunkPage(source.page(trunk), pages, freePages);
  return freeFault ? `the first page of the list of free pages (${trunk}) is impossible` : undefined;
}

function isTrunkPage(bytes: Buffer | undefined, pages: number, freePages: number): boolean {
  if (bytes === undefined || bytes.readUInt32BE(0) > pages) return false;
  const leaves = bytes.readUInt32BE(4);
  if (leaves > PAGE_BYTES / 4 - 2 || leaves >= freePages) return false;
  for (let i = 0; i < leaves; i++) {
    const page = bytes.readUInt32BE(8 + 4 * i);
    if (page < 2 || page > pages) return false;
  }
  return true;
}

interface SchemaEntry {
  type: string;
  root: number;
  sql: string;
}

export function readSchema(source: PageSource): Map<string, SchemaEntry> | undefined {
  const rows = readAll(source, 1);
  if (rows === undefined) return undefined;
  const entries = rows.map(({ values: [type, name, , root, sql] }) => {
    return [String(name), { type: String(type), root: Number(root), sql: String(sql ?? '') }] as const;
  });
  return new Map(entries);
}

function faultOfSchema(
  source: PageSource,
  found: Map<string, SchemaEntry>,
  { expected, meta }: { expected: StoreSchema; meta: Map<string, string> | undefined },
): string | undefined {
  const noted = meta?.get(MetaKey.laterTables)?.split(',') ?? [];
  for (const table of expected.tables.values()) {
    const entry = found.get(table.name);
    if (entry === undefined && LATER_TABLES.has(table.name) && !noted.includes(table.name)) continue;
    if (entry?.type !== 'table' || shapeOf(entry.sql) !== table.shape)
      return `table ${table.name} is missing or different`;
    if (!isRootOf(source, entry.root, table.kind))
      return `the first page of table ${table.name} cannot be read`;
  }
  for (const name of expected.indexes.keys()) {
    const entry = found.get(name);
    if (entry?.type !== 'index') return `index ${name} is missing`;
    if (!isRootOf(source, entry.root, 'index')) return `the first page of index ${name} cannot be read`;
  }
  return undefined;
}

function isRootOf(source: PageSource, root: number, kind: 'table' | 'index'): boolean {
  const bytes = source.page(root);
  const page = bytes === undefined || root < 2 ? undefined : parsePage(bytes, root);
  return page?.sound === true && page.kind.startsWith(kind);
}

function readMeta(source: PageSource, found: Map<string, SchemaEntry>): Map<string, string> | undefined {
  const rows = readAll(source, found.get('meta')?.root ?? 0);
  return rows && new Map(rows.map(({ values: [key, value] }) => [String(key), String(value)]));
}

/** All rows of a small table; undefined when anything on the way is not as it should be. */
function readAll(source: PageSource, root: number): RawRow[] | undefined {
  let isDamaged = false;
  const trace = {
    reached: new PageSet(source.pagesMax),
    damaged: () => {
      isDamaged = true;
    },
  };
  const rows: RawRow[] = [];
  for (const row of rowsOf(source, root, trace)) {
    if (isDamaged || rows.length === SMALL_TABLE_ROWS_MAX) break;
    rows.push(row);
  }
  return isDamaged ? undefined : rows;
}

function statOrNone(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

function damaged(reason: string, detail: string): { kind: 'damaged'; damage: Damage } {
  return { kind: 'damaged', damage: { reason, detail } };
}
