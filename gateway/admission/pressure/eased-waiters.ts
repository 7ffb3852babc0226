// Connections that are not read until a step of the ladder is taken back. They are woken a few at a time, twice as many
// each time: a thousand at once would bring the pressure back in one turn of the event loop. Bounded: who has waited
// longest is woken before its time when too many wait; if it is still there, it waits again.

const FIRST = 16;
const WAITERS_MAX = 100_000;

export class EasedWaiters {
  readonly #waitersMax: number;
  readonly #waiters = new Set<() => void>();
  #atOnce = FIRST;
  /** How many were woken because too many waited. */
  wokenEarly = 0;

  constructor(waitersMax = WAITERS_MAX) {
    this.#waitersMax = waitersMax;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** `wake` is called once, and not from here. */
  add(wake: () => void): void {
    this.#waiters.add(wake);
    if (this.#waiters.size <= this.#waitersMax) return;
    const [longest] = this.#waiters;
    this.#waiters.delete(longest);
    this.wokenEarly++;
    setImmediate(longest);
  }

  /** The step is taken: what is woken next begins small again. */
  hold(): void {
    this.#atOnce = FIRST;
  }

  /** The step is not taken: the next few may go on. Again and again, with a pause between. */
  wakeSome(): void {
    const next = [...this.#waiters].slice(0, this.#atOnce);
    this.#atOnce *= 2;
    for (const wake of next) {
      this.#waiters.delete(wake);
      wake();
    }
  }
}
