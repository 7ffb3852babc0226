// Slows down addresses from which sign-ins keep failing (settings access.failures). Per address (IPv6: per /64): some
// failures are free; then each answer waits, twice as long each time, up to delayMaxMs; from then on attempts are
// refused unheard, except for one in each delayMaxMs, so that a device whose password was put right comes in without
// waiting for the address to be forgiven. Only what was heard and failed counts.
//
// Many devices may share an address (a site behind one router), and a single one of them with a wrong password must
// not lock out the rest. So an address from which somebody has signed in well, within the last day, is never
// refused: there every answer waits, at most delayMaxMs. And credentials that are proven already
// (Authenticator.isProven) need no check at all: they are no guess. What that costs: whoever has an account behind
// such an address can try others' passwords with one wait each; how many waits go on at a time is bounded by the
// caller, and how many passwords are calculated by password-check.ts.
//
// Both tables are bounded (recent-map.ts). Times are monotonic ms.

import { days } from '../../../config/limits.ts';
import type { Config } from '../../../config/settings.ts';
import { addressKey } from './address-key.ts';
import type { ConnectRefusal } from './identity.ts';
import { RecentMap } from './recent-map.ts';

const FAILING_MAX = 40_000;
const GOOD_MAX = 40_000;
const GOOD_FOR_MS = 1 * days;

export type ThrottleDecision =
  | { readonly kind: 'ok' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'refuse' };

interface Failing {
  failures: number;
  lastMs: number;
  /** When the next attempt is heard, once they are refused. */
  nextHeardMs: number;
}

const ok: ThrottleDecision = { kind: 'ok' };
const refuse: ThrottleDecision = { kind: 'refuse' };

/** What counts as a failed sign-in: credentials that are wrong, not a limit that was met. */
const guesses: ReadonlySet<ConnectRefusal> = new Set([
  'bad-credentials',
  'unknown-user',
  'user-not-of-certificate',
  'hook-refused',
]);

export function isFailedSignIn(reason: ConnectRefusal): boolean {
  return guesses.has(reason);
}

export class FailureThrottle {
  #settings: Config['access']['failures'];
  readonly #failing = new RecentMap<Failing>(FAILING_MAX);
  readonly #goodSince = new RecentMap<number>(GOOD_MAX);
  /** Attempts that were made to wait, and that were refused. */
  readonly counters = { delayed: 0, refused: 0 };

  constructor(settings: Config['access']['failures']) {
    this.#settings = settings;
  }

  /** Holds from the next attempt on; what is counted stays. */
  reconfigure(settings: Config['access']['failures']): void {
    this.#settings = settings;
  }

  /** Before an attempt is heard. `delay`: hear it, and do so `ms` later. */
  check(address: string, nowMs: number): ThrottleDecision {
    const key = addressKey(address);
    const failing = this.#current(key, nowMs);
    if (failing === undefined) return ok;
    const { free, delayMs, delayMaxMs } = this.#settings;
    const beyond = failing.failures - free;
    if (beyond < 0 || delayMs === 0 || delayMaxMs === 0) return ok;
    // The longest wait is met once, however often delayMs must be doubled to reach it.
    const before = delayMs * 2 ** (beyond - 1);
    if (beyond === 0 || before < delayMaxMs) return this.#delay(Math.min(before * 2, delayMaxMs));
    if (this.#isGood(key, nowMs)) return this.#delay(delayMaxMs);
    if (nowMs >= failing.nextHeardMs) {
      failing.nextHeardMs = nowMs + delayMaxMs;
      return this.#delay(delayMaxMs);
    }
    this.counters.refused++;
    return refuse;
  }

  /** An attempt was heard and refused for a reason that `isFailedSignIn`. */
  failed(address: string, nowMs: number): void {
    const key = addressKey(address);
    const failing = this.#current(key, nowMs) ?? { failures: 0, lastMs: 0, nextHeardMs: 0 };
    failing.failures++;
    failing.lastMs = nowMs;
    failing.nextHeardMs = nowMs + this.#settings.delayMaxMs;
    this.#failing.set(key, failing);
  }

  /** Somebody has shown who he is; not for anonymous clients. */
  succeeded(address: string, nowMs: number): void {
    this.#goodSince.set(addressKey(address), nowMs);
  }

  #current(key: string, nowMs: number): Failing | undefined {
    const failing = this.#failing.get(key);
    if (failing === undefined || nowMs - failing.lastMs < this.#settings.forgetMs) return failing;
    this.#failing.delete(key);
    return undefined;
  }

  #isGood(key: string, nowMs: number): boolean {
    const goodMs = this.#goodSince.get(key);
    return goodMs !== undefined && nowMs - goodMs < GOOD_FOR_MS;
  }

  #delay(ms: number): ThrottleDecision {
    this.counters.delayed++;
    return { kind: 'delay', ms };
  }
}
