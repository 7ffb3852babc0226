// The pages of a store as its last commit left them: the database file with the write-ahead log laid over it,
// read-only. SQLite is not asked, so that looking changes nothing, and a damaged part does not hide the rest.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { analyseWal, emptyWal, type PagePlace, type WalAnalysis } from './wal-analysis.ts';
import { readOrZeros } from './wal-frames.ts';

/** All stores have pages of this size. */
export const PAGE_BYTES = 4096;
const CHUNK_PAGES = 16;

export interface PageSourceOptions {
  /** Leave the log out, because it is another store's. */
  ignoreWal?: boolean;
}

/** Some version of the pages of a database. */
export interface Pages {
  /** The highest page number there can be something under. */
  readonly pagesMax: number;
  /** Pages count from 1; undefined when there is none that can be trusted. Not to be changed. */
  page(number: number): Buffer | undefined;
}

export class PageSource implements Pages {
  readonly wal: WalAnalysis;
  /** Whole pages in the database file; a torn last page counts as one. */
  readonly filePages: number;
  readonly pagesMax: number;
  readonly fileBytes: number;
  readonly walBytes: number;
  readonly #db: number | undefined;
  readonly #walFd: number | undefined;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = -1;

  /** A file that is not there, or cannot be opened, has no pages. */
  constructor(databaseFile: string, options: PageSourceOptions = {}) {
    this.#db = openOrNone(databaseFile);
    this.#walFd = options.ignoreWal === true ? undefined : openOrNone(`${databaseFile}-wal`);
    this.fileBytes = this.#db === undefined ? 0 : fstatSync(this.#db).size;
    this.walBytes = this.#walFd === undefined ? 0 : fstatSync(this.#walFd).size;
    this.filePages = Math.ceil(this.fileBytes / PAGE_BYTES);
    this.wal = this.#walFd === undefined ? emptyWal() : analyseWal(this.#walFd, this.walBytes);
    let pages = this.filePages;
    for (const page of this.wal.newest.keys()) pages = Math.max(pages, page);
    this.pagesMax = pages;
  }

  /** Pages of the database: the log's last commit says it, else the first page. */
  pageCount(): number {
    if (this.wal.pageCount > 0) return this.wal.pageCount;
    const first = this.filePage(1);
    return first === undefined ? 0 : first.readUInt32BE(28);
  }

  /** The newest version. */
  page(number: number): Buffer | undefined {
    if (this.wal.poisoned.has(number)) return undefined;
    const at = this.wal.newest.get(number);
    return at === undefined ? this.filePage(number) : this.walPage(at);
  }

  /** The page as it is in the database file. */
  filePage(number: number): Buffer | undefined {
    if (this.#db === undefined || number < 1 || number > this.filePages) return undefined;
    const index = number - 1;
    const chunkStart = index - (index % CHUNK_PAGES);
    if (chunkStart !== this.#chunkStart) {
      const pages = Math.min(CHUNK_PAGES, this.filePages - chunkStart);
      this.#chunk = readOrZeros(this.#db, chunkStart * PAGE_BYTES, pages * PAGE_BYTES);
      this.#chunkStart = chunkStart;
    }
    const start = (index - chunkStart) * PAGE_BYTES;
    return this.#chunk.subarray(start, start + PAGE_BYTES);
  }

  /** A page by its place in the log (wal.versions, wal.tail). */
  walPage(at: number): Buffer {
    return readOrZeros(this.#walFd as number, at, PAGE_BYTES);
  }

  /** The pages with those at `places` laid over them. */
  over(places: PagePlace[]): Pages {
    const newest = new Map(places.map(({ page, at }) => [page, at]));
    const page = (number: number): Buffer | undefined => {
      const at = newest.get(number);
      return at === undefined ? this.page(number) : this.walPage(at);
    };
    return { pagesMax: Math.max(this.pagesMax, ...newest.keys()), page };
  }

  /** The pages of the database file alone. */
  fileOnly(): Pages {
    return { pagesMax: this.filePages, page: (number) => this.filePage(number) };
  }

  close(): void {
    if (this.#db !== undefined) closeSync(this.#db);
    if (this.#walFd !== undefined) closeSync(this.#walFd);
  }
}

function openOrNone(file: string): number | undefined {
  try {
    const fd = openSync(file, 'r');
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return undefined;
  } catch {
    return undefined; // missing, or not to be read: the caller sees that it has no pages
  }
}
