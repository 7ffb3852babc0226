// A list whose links belong to what is in it, for queues that are joined and left all the time and from the
// middle: nothing is allocated and nothing searched. An item is in one list at a time with one link.

export class Link<T> {
  readonly item: T;
  list: LinkedList<T> | null = null;
  next: Link<T> | null = null;
  previous: Link<T> | null = null;

  constructor(item: T) {
    this.item = item;
  }
}

export class LinkedList<T> {
  head: Link<T> | null = null;
  #tail: Link<T> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The link must be in no list. */
  push(link: Link<T>): void {
    link.list = this;
    link.previous = this.#tail;
    if (this.#tail === null) this.head = link;
    else this.#tail.next = link;
    this.#tail = link;
    this.#size++;
  }

  /** Nothing happens unless the link is in this list. */
  remove(link: Link<T>): void {
    if (link.list !== this) return;
    if (link.previous === null) this.head = link.next;
    else link.previous.next = link.next;
    if (link.next === null) this.#tail = link.previous;
    else link.next.previous = link.previous;
    link.list = null;
    link.next = null;
    link.previous = null;
    this.#size--;
  }
}
