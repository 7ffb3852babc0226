// How many messages a new MQTT 5 connection may have under way (MQTT 5.0 3.2.2.3.3): under pressure fewer, so that a
// crowd that reconnects with all it has saved up does not come with all of it at once.

const RECEIVE_MAXIMUM_MIN = 8;

export interface ReceiveMaximumRange {
  /** mqtt.receiveMaximum */
  full: number;
  /** The pressure from which on it is lowered, down to 8 at pressure 1. */
  level: number;
}

export function receiveMaximumUnder(pressure: number, { full, level }: ReceiveMaximumRange): number {
  const least = Math.min(RECEIVE_MAXIMUM_MIN, full);
  if (pressure >= 1) return least;
  const share = Math.max(0, (pressure - level) / (1 - level));
  return Math.max(least, Math.round(full - share * (full - least)));
}
