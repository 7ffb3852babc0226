// How long a backlog takes to drain once the link is whole again, and meanwhile the latency of what is new. A
// backlog is what was due before the link was healed; it is drained with the last of it to arrive. What never
// arrives is a loss, and does not make the drain longer: once some of it has come, the watch ends after a while
// without any. Before the first of it comes, the gateway may only be slow to connect again.

export interface DrainReceiver {
  /** From when on what is due counts as live; null: nothing does any more. */
  setLiveFrom(liveFromMs: number | null): void;
}

export interface BacklogArrivals {
  /** First deliveries, since live-from was set, of what was due before it. */
  backlogDelivered: number;
  /** Of the last of them, on the run's clock; null when there was none. */
  backlogLastAtMs: number | null;
}

/** Without any of the backlog for so long, what is left of it is not on its way. */
const SILENT_MS = 5000;

export class DrainWatch {
  readonly #receiver: DrainReceiver | null;
  #healedAtMs = 0;
  #owed = 0;
  #longestMs: number | null = null;
  #isWatching = false;

  constructor(receiver: DrainReceiver | null) {
    this.#receiver = receiver;
  }

  /** The longest drain of the run; null: no link was ever healed, or nothing was owed then. */
  get longestMs(): number | null {
    return this.#longestMs;
  }

  get isDraining(): boolean {
    return this.#isWatching;
  }

  /** The link is whole since `atMs`, and so many messages are owed. A drain under way goes on as a new one. */
  healed(atMs: number, owed: number): void {
    this.#healedAtMs = atMs;
    this.#owed = owed;
    this.#isWatching = owed > 0;
    if (this.#isWatching) this.#receiver?.setLiveFrom(atMs);
  }

  /** The link has broken again before the backlog was through: it goes on as part of the next. */
  broken(): void {
    this.#isWatching = false;
    this.#receiver?.setLiveFrom(null);
  }

  /** `askedAtMs`: when the arrivals were asked for; from before the link was whole they are those of another drain. */
  look(askedAtMs: number, { backlogDelivered, backlogLastAtMs }: BacklogArrivals): void {
    if (!this.#isWatching || askedAtMs <= this.#healedAtMs || backlogLastAtMs === null) return;
    if (backlogDelivered < this.#owed && askedAtMs - backlogLastAtMs < SILENT_MS) return;
    this.#over(backlogLastAtMs);
  }

  /** The run is over: what is not there by now does not come. If nothing came, the drain has lasted until now. */
  finish(nowMs: number, { backlogLastAtMs }: BacklogArrivals): void {
    if (this.#isWatching) this.#over(backlogLastAtMs ?? nowMs);
  }

  #over(lastMs: number): void {
    this.#longestMs = Math.max(this.#longestMs ?? 0, lastMs - this.#healedAtMs);
    this.#isWatching = false;
    this.#receiver?.setLiveFrom(null);
  }
}
