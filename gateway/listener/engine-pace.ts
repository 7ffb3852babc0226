// How much of the session engine's time one client may take before the others have their turn. The engine takes as long
// over a PINGREQ of two bytes as over a publish, and many times as long over a SUBSCRIBE, so that what is read from one
// socket at a time would keep everybody waiting for a second. A client owes what its packets cost, and each turn of the
// event loop pays back a part; who owes more than that is not read until it is paid.

import { packetType } from './frames/fixed-header.ts';

/** In units of some ten microseconds. */
const TURN = 64;
const SUBSCRIBE = 16;
/** The engine takes a turn to carry it out: a SUBSCRIBE of the same filter right behind it must find it done. */
const UNSUBSCRIBE = 2 * TURN;
const BYTES_A_UNIT = 4;
const PING = 8;
const OTHER = 2;

export class EnginePace {
  #owed = 0;

  /** The engine gets a frame. True: it is enough for this turn. */
  spend(frame: Buffer): boolean {
    this.#owed += costOf(frame);
    return this.#owed >= TURN;
  }

  /** A turn is over. True: the next frame may come. */
  payBack(): boolean {
    this.#owed = Math.max(0, this.#owed - TURN);
    return this.#owed < TURN;
  }
}

function costOf(frame: Buffer): number {
  switch (frame[0]! >> 4) {
    case packetType.subscribe:
      return SUBSCRIBE + frame.length / BYTES_A_UNIT; // there may be a filter in every four or five bytes
    case packetType.unsubscribe:
      return UNSUBSCRIBE + frame.length / BYTES_A_UNIT;
    case packetType.pingreq:
      return PING;
    default:
      return OTHER;
  }
}
