// A damaged store as salvage reads it: its tables row by row, as far as their pages can be read, and then
// whatever rows of the log lie on pages that no tree leads to. Counts what could not be read.

import { parsePage } from './sqlite-file/btree-page.ts';
import { looseRows, type RowShape } from './sqlite-file/loose-rows.ts';
import { PAGE_BYTES, type PageSource, type Pages } from './sqlite-file/page-source.ts';
import { PageSet, type RawRow, rowsOf } from './sqlite-file/tree-rows.ts';
import { LATER_TABLES, layoutOf, type StoreSchema, type TableLayout } from './store-schema.ts';

export interface TablePlace {
  /** NOWHERE: there is no telling, or no such table. */
  root: number;
  layout: TableLayout;
}

const NOWHERE = 0;

export class DamagedStore {
  readonly source: PageSource;
  /** Pages that could not be read, or not wholly, for each table. */
  readonly damagedPages = new Map<string, Set<number>>();
  readonly #places = new Map<string, TablePlace>();
  readonly #reached: PageSet;

  constructor(source: PageSource, expected: StoreSchema) {
    this.source = source;
    this.#reached = new PageSet(source.pagesMax);
    const found = new Map<string, { root: number; sql: string }>();
    for (const { values } of this.#walk('sqlite_schema', 1)) {
      const [type, name, , root, sql] = values;
      if (type === 'table' || type === 'index')
        found.set(String(name), { root: Number(root), sql: String(sql ?? '') });
    }
    for (const layout of expected.tables.values())
      this.#places.set(layout.name, this.#place(layout, found.get(layout.name)));
  }

  /** Pages that there should be and are not in the file: it was cut off. */
  pagesCutOff(): number {
    const missing = this.source.pageCount() - this.source.pagesMax;
    return missing > 0 && missing < 2 ** 31 ? missing : 0;
  }

  place(table: string): TablePlace {
    return this.#places.get(table) as TablePlace;
  }

  /** Once for each table. */
  *rows(table: string): Generator<RawRow> {
    const { root } = this.place(table);
    if (root !== NOWHERE) yield* this.#walk(table, root);
  }

  damageOf(table: string): number {
    return this.damagedPages.get(table)?.size ?? 0;
  }

  /**
   * After `rows` of every table: rows on pages that were not reached or are damaged, and on older versions of
   * pages.
   */
  *strayRows(shape: RowShape): Generator<RawRow> {
    const { source } = this;
    const damaged = new Set([...this.damagedPages.values()].flatMap((pages) => [...pages]));
    const free = this.#freePages();
    for (let page = 1; page <= source.pagesMax; page++) {
      if ((this.#reached.has(page) && !damaged.has(page)) || free?.has(page)) continue;
      yield* stray({ page, bytes: source.page(page) }, source, shape);
    }
    for (const { page, at } of source.wal.versions)
      yield* stray({ page, bytes: source.walPage(at) }, source.over([{ page, at }]), shape);
    for (const page of new Set([...source.wal.newest.keys(), ...source.wal.poisoned])) {
      yield* stray({ page, bytes: source.filePage(page) }, source.fileOnly(), shape);
    }
  }

  #place(layout: TableLayout, found: { root: number; sql: string } | undefined): TablePlace {
    // A table that was added later may lie anywhere: pages that others need are not read in its name.
    const usualRoot = LATER_TABLES.has(layout.name) ? NOWHERE : layout.root;
    const root = found !== undefined && this.#mayBeRoot(found.root, layout) ? found.root : usualRoot;
    const foundLayout = found && layoutOf(found.sql);
    // With as many columns as expected it is the same table, whatever a wrong bit has made of their names.
    const isOther = foundLayout !== undefined && foundLayout.columns.length !== layout.columns.length;
    return { root, layout: isOther ? foundLayout : layout };
  }

  #mayBeRoot(root: number, { kind }: TableLayout): boolean {
    const bytes = root > 1 ? this.source.page(root) : undefined;
    return bytes !== undefined && parsePage(bytes, root)?.kind.startsWith(kind) === true;
  }

  #walk(table: string, root: number): Generator<RawRow> {
    const pages = new Set<number>();
    this.damagedPages.set(table, pages);
    return rowsOf(this.source, root, { reached: this.#reached, damaged: (page) => pages.add(page) });
  }

  /** The pages that SQLite has on its list for reuse; undefined when the list is damaged. */
  #freePages(): PageSet | undefined {
    const first = this.source.page(1);
    if (first === undefined) return undefined;
    const free = new PageSet(this.source.pagesMax);
    let count = 0;
    for (let trunk = first.readUInt32BE(32); trunk !== 0; ) {
      const bytes = this.source.page(trunk);
      if (bytes === undefined || this.#reached.has(trunk) || !free.add(trunk)) return undefined;
      const leaves = bytes.readUInt32BE(4);
      if (leaves > PAGE_BYTES / 4 - 2) return undefined;
      for (let i = 0; i < leaves; i++) if (!free.add(bytes.readUInt32BE(8 + 4 * i))) return undefined;
      count += 1 + leaves;
      trunk = bytes.readUInt32BE(0);
    }
    return count === first.readUInt32BE(36) ? free : undefined;
  }
}

function* stray(
  { page, bytes }: { page: number; bytes: Buffer | undefined },
  pages: Pages,
  shape: RowShape,
): Generator<RawRow> {
  if (bytes !== undefined) yield* looseRows({ page, bytes }, pages, shape);
}
