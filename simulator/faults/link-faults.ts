// What can be wrong with a link, as plain numbers and switches: for each direction of its own (`up` is from the client)
// and for the link as a whole. A change names only what it changes; what it says outside `up` and `down` holds for both
// directions.
//
// TCP delivers every byte or breaks, so a proxy cannot lose some bytes and go on: a direction of a connection that has
// lost bytes in a black hole stays dead, also when the hole is gone, until one end gives up. What is only late is
// `isFrozen`.

export interface DirectionFaults {
  /** Added to every byte, and to the end of the connection. */
  latencyMs: number;
  /** 0 to so much more, at random; order is kept. */
  jitterMs: number;
  /** Shared by all connections of the link, fairly; 0: no limit. */
  bytesPerSecond: number;
  /** Of each connection of its own; 0: no limit. */
  bytesPerSecondEach: number;
  /** Bytes are taken and disappear, and so do ends and resets: the far end sees a connection that says nothing. */
  isBlackhole: boolean;
  /** Bytes are held, as many as the buffer takes, and delivered in order when it is over. */
  isFrozen: boolean;
  /** A connection opened from now on is reset when so many bytes have gone this way; 0: never. */
  resetAfterBytes: number;
}

export interface LinkFaults {
  readonly up: DirectionFaults;
  readonly down: DirectionFaults;
  /** New connections are reset at once. */
  isRefusing: boolean;
}

export interface LinkFaultChange extends Partial<DirectionFaults> {
  up?: Partial<DirectionFaults>;
  down?: Partial<DirectionFaults>;
  isRefusing?: boolean;
}

const HEALTHY: DirectionFaults = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
  bytesPerSecondEach: 0,
  isBlackhole: false,
  isFrozen: false,
  resetAfterBytes: 0,
};

export function healthyLink(): LinkFaults {
  return { up: { ...HEALTHY }, down: { ...HEALTHY }, isRefusing: false };
}

/** In place: everything that carries bytes looks at the same object. */
export function changeFaults(faults: LinkFaults, change: LinkFaultChange): void {
  const { up, down, isRefusing, ...both } = change;
  Object.assign(faults.up, both, up);
  Object.assign(faults.down, both, down);
  if (isRefusing !== undefined) faults.isRefusing = isRefusing;
}
