// The engine's keep-alive sees only the packets that go through it. While a client only publishes - or is not read for
// want of room - the engine is fed a PINGREQ now and then, so that keep-alive ends a dead client and never a busy one.

/** How often within its keep-alive. */
const FEEDS = 2;

export class KeepAliveFeed {
  #intervalMs = Infinity;
  #fedAtMs = 0;

  /** 0: the client has none. */
  set(keepAliveS: number): void {
    this.#intervalMs = keepAliveS === 0 ? Infinity : (keepAliveS * 1000) / FEEDS;
  }

  /** A packet has gone to the engine. */
  fed(nowMs: number): void {
    this.#fedAtMs = nowMs;
  }

  /** The client is alive: pings in its place when it is time. */
  feed(nowMs: number, engine: { pingAsAedesKeepAlive(): void }): void {
    if (!this.isDue(nowMs)) return;
    this.fed(nowMs);
    engine.pingAsAedesKeepAlive();
  }

  isDue(nowMs: number): boolean {
    return Math.abs(nowMs - this.#fedAtMs) >= this.#intervalMs;
  }
}
