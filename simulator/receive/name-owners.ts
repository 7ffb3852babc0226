// By which message each name (offset) of a lane was first seen: exact, at 8 bytes a record, in pages, so that it does
// not matter where a lane's offsets begin. Beyond `recordsMax` no page is added, and who owns the names there is not
// known.

import type { Mark } from '../mark.ts';

const PAGE_RECORDS = 1024;
const NOBODY = -1;
/** A device's number and a sequence make one number that a double holds exactly: 20 and 33 bits. */
const SEQUENCES = 2 ** 33;

export class NameOwners {
  readonly #pagesMax: number;
  readonly #pages = new Map<number, Float64Array>();

  constructor(recordsMax: number) {
    this.#pagesMax = Math.ceil(recordsMax / PAGE_RECORDS);
  }

  /** False: the name was first seen by another message. */
  claim(offset: number, { device, sequence }: Mark): boolean {
    const page = this.#pageOf(Math.floor(offset / PAGE_RECORDS));
    if (page === undefined) return true;
    const owner = device * SEQUENCES + sequence;
    const at = offset % PAGE_RECORDS;
    if (page[at] === NOBODY) page[at] = owner;
    return page[at] === owner;
  }

  #pageOf(number: number): Float64Array | undefined {
    let page = this.#pages.get(number);
    if (page === undefined && this.#pages.size < this.#pagesMax) {
      page = new Float64Array(PAGE_RECORDS).fill(NOBODY);
      this.#pages.set(number, page);
    }
    return page;
  }
}
