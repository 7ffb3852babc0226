// The fixed numbers of this folder: what is not worth a setting, but bounds something or says how finely time
// is cut. Their relations are asserted in test/unit/gateway/admission/quota/quota-bounds.test.ts.

import { MiB, minutes, seconds } from '../../../config/limits.ts';

export const quotaBounds = {
  /** How finely waiting is cut: timers are no finer, and waking a device costs something. */
  tickMs: 10,
  /** A timer that is late by less than this costs a device none of its rate. */
  timerSlackMs: 50,
  /** Below this a wait is rounding, not a wait. */
  roundingMs: 0.001,
  /**
   * How often one who waits for what time alone does not bring looks again: for stored bytes to be delivered.
   */
  pollMs: 500,
  /** Longest sleep of one who waits for midnight: the wall clock may be put right meanwhile. */
  midnightPollMsMax: 1 * minutes,
  /** How often the wall clock is asked which day it is. */
  dayCheckMs: 1 * seconds,

  /** How long a device must have been known to be remembered longer than newcomers, */
  promotionAgeMs: 1 * minutes,
  /** and how much it must have sent by then if it has not come back meanwhile. */
  promotionMessages: 10,
  /** Part of the table that is for those; the rest is always there for newcomers. */
  protectedShare: 0.8,
  /** How many are looked at for one that may be forgotten. */
  evictionTriesMax: 64,

  /** Of one device whose latest messages are kept: topics, and bytes of messages. */
  latestTopicsMax: 1000,
  latestBytesMax: 1 * MiB,
  /** Of all devices together. */
  latestTotalBytesMax: 64 * MiB,
  /** Topics counted for topicsMax, about 8 bytes each, of all devices together; more pass uncounted. */
  countedTopicsMax: 4_000_000,

  usageWriteMs: 30 * seconds,
  /** Largest entry of the daily use file. */
  usageEntryBytesMax: 1024,

  /** Addresses without a connection of which is remembered that they connected just now. */
  idleAddressesMax: 10_000,

  topConsumers: 20,
  /** Named of those who are made to wait; and of those who have gone since, so many are remembered. */
  namedClients: 5,
  delayedLeftMax: 64,
} as const;
